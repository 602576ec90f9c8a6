"""Facts about cameras that do what cameras do."""

import errno
import itertools
import logging
import os
import threading
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.errors import SourceError
from thermedge.runtime.mailbox import newest
from thermedge.runtime.sources import open_source
from thermedge.runtime.sources.capture import finding
from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.intake import LOST
from thermedge.runtime.sources.capture.kernel import Linux
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.v4l2 import V4l2Source


def lost(faults) -> int:
    return sum(faults.get(name, 0) for name in LOST)


def note(frame):
    """Return a frame's index, the number in its picture, and the kinds of its events."""
    return frame.index, int(frame.counts[0, 0]), [event.kind for event in frame.events]


def until_silent(frames, look=note):
    """Return what `look` sees in all frames up to the wait limit, and the error there."""
    seen = []
    with pytest.raises(SourceError, match="delivers no frame") as caught:
        seen.extend(map(look, frames))
    return seen, caught.value


def test_frames_tell_their_place_time_and_size(scripted, opened) -> None:
    source = opened(scripted(["frame"] * 3))
    assert (source.width_px, source.height_px, source.rate_hz) == (16, 8, 60)
    assert source.live
    assert source.num_frames is None
    frames = iter(source)
    seen = [next(frames) for _ in range(3)]
    assert [frame.index for frame in seen] == [0, 1, 2]
    assert [frame.timestamp_ns for frame in seen] == [1_000_000_000, 1_016_666_000, 1_033_333_000]
    assert (seen[0].bits, seen[0].kelvin, seen[0].shutter, seen[0].sensor_c) == (
        16,
        None,
        "none",
        None,
    )


@pytest.mark.parametrize("name", ["Y16", "Y16_BE", "GREY", "YUYV", "NV12"])
def test_counts_arrive_bit_by_bit_in_every_format(scripted, opened, name) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 8 * 48, np.uint8).tobytes()

    def paint(number, buffer):
        buffer[: len(noise)] = noise

    expected = {
        "Y16": np.frombuffer(noise, "<u2").reshape(8, 24)[:, :16],
        "Y16_BE": np.frombuffer(noise, ">u2").reshape(8, 24)[:, :16],
        "GREY": np.frombuffer(noise, "u1").reshape(8, 48)[:, :16],
        "YUYV": np.frombuffer(noise, "u1").reshape(8, 48)[:, :32:2],
        "NV12": np.frombuffer(noise, "u1").reshape(8, 48)[:, :16],
    }
    frame = next(iter(opened(scripted(["frame"], modes=((name, 16, 8, 48),), paint=paint))))
    np.testing.assert_array_equal(frame.counts, expected[name])
    assert frame.counts.dtype == (np.uint16 if name.startswith("Y16") else np.uint8)


def test_an_unknown_camera_gets_a_hint_unless_it_was_called_generic(
    scripted, opened, caplog
) -> None:
    camera = scripted(())
    with caplog.at_level(logging.INFO):
        opened(camera, "v4l2:/dev/video0?profile=generic").close()
        assert "family is not known" not in caplog.text
        opened(camera, "v4l2:/dev/video0").close()
    assert "profile generic, Y16 16x8 at 60 Hz" in caplog.text
    assert caplog.text.count("family is not known") == 1


def test_every_gap_of_the_index_is_a_frame_that_is_counted(scripted, opened) -> None:
    script = ["frame", "gap", "frame", "damaged", "frame", "short", "short", "frame"]
    source = opened(scripted(script))
    seen, _ = until_silent(source)
    assert [index for index, *_ in seen] == [0, 2, 4, 7]
    assert lost(source.faults) == 4


def test_a_camera_that_hangs_is_restarted(scripted, opened, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        camera = scripted(["frame", "hang", "frame"])
        seen, _ = until_silent(opened(camera))
    assert [(index, kinds) for index, _, kinds in seen] == [(0, []), (1, ["stall"])]
    assert "no frame came for 2.0 s; the stream is restarted" in caplog.text


def test_a_camera_that_a_restart_does_not_help_is_opened_anew(scripted, opened) -> None:
    camera = scripted(["frame", "dead", "frame"])
    seen, _ = until_silent(opened(camera))
    assert [(index, kinds) for index, _, kinds in seen] == [(0, []), (1, ["stall", "stall"])]


def test_a_driver_that_fails_is_restarted_at_once(scripted, opened) -> None:
    camera = scripted(["frame", "fail", "frame", "frame"])
    frames = iter(opened(camera))
    seen = [next(frames) for _ in range(3)]
    assert [event.kind for event in seen[1].events] == ["stall"]
    assert "Input/output error" in seen[1].events[0].detail
    assert seen[1].events[0].frame_index == seen[1].index
    assert (seen[2].timestamp_ns - seen[0].timestamp_ns) * 1e-9 < 0.1


def test_a_camera_that_comes_back_goes_on_and_marks_the_gap(scripted, opened, caplog) -> None:
    away = ["unplug", *["pause"] * 300, "plug"]
    with caplog.at_level(logging.WARNING):
        source = opened(scripted(["frame", "frame", *away, "frame", "frame"]))
        seen, _ = until_silent(source)
    assert [index for index, *_ in seen] == [0, 1, 2, 3]
    assert [kinds for *_, kinds in seen] == [[], [], ["unplugged", "reconnected"], []]
    assert source.faults["unplugs"] == 1
    assert "went away" in caplog.text
    assert "is back; the gap is" in caplog.text


def test_a_camera_that_comes_back_under_another_number_is_found(
    scripted, opened, plug, unplug
) -> None:
    camera = scripted(["frame", "unplug", *["pause"] * 60, "plug", "frame"])
    frames = iter(opened(camera))
    next(frames)
    unplug(0)
    camera.path = plug(4)  # the same port
    assert next(frames).index == 1


def test_a_camera_with_a_serial_number_is_found_at_another_port(
    scripted, opened, plug, unplug
) -> None:
    node = {"usb": "1e4e:0100", "serial": "A"}
    script = ["frame", "unplug", *["pause"] * 60, "plug", "frame"]
    camera = scripted(script, node=node, modes=(("GREY", 16, 8, 16),))
    frames = iter(opened(camera))
    next(frames)
    unplug(0)
    camera.path = plug(1, port="2-1", **node)
    camera.bus = "usb-elsewhere"
    assert next(frames).index == 1


def test_a_camera_that_comes_back_at_its_default_size_gets_the_one_from_before(
    scripted, opened
) -> None:
    script = ["frame", "unplug", *["pause"] * 60, "plug", "frame"]
    camera = scripted(script, modes=(("Y16", 64, 48, 128), ("Y16", 16, 8, 32)))
    with finding.opened(camera.path, camera) as viewer:
        viewer.set_format("Y16", 16, 8)
    frames = iter(opened(camera))
    assert next(frames).counts.shape == (8, 16)
    assert next(frames).counts.shape == (8, 16)


class Mumbler(ScriptedCamera):
    """Takes its node along when it is unplugged; its driver says something else first."""

    def _step(self):
        was_plugged = self.is_plugged
        super()._step()
        if was_plugged and not self.is_plugged:
            self.leave()
        elif self.is_plugged and not was_plugged:
            self.path = self.come_back()

    def ioctl(self, fd, request, argument):
        if not self.is_plugged and self.words:
            word, *self.words = self.words
            raise OSError(word, os.strerror(word))
        super().ioctl(fd, request, argument)


@pytest.mark.parametrize("words", [[errno.EPROTO], [errno.EPROTO, errno.EIO]])
def test_an_unplug_is_told_whatever_the_driver_says_first(
    scripted, opened, unplug, plug, words
) -> None:
    made = scripted(())
    script = ["frame", "unplug", *["pause"] * 120, "plug", "frame"]
    camera = Mumbler(script, path=made.path, modes=made.modes)
    camera.words, camera.leave, camera.come_back = words, unplug, lambda: plug(4)
    source = opened(camera)
    frames = iter(source)
    next(frames)
    kinds = [event.kind for event in next(frames).events]
    assert kinds == ["stall", "unplugged", "reconnected"]
    assert source.faults == {"stalls": 1, "unplugs": 1}


def test_a_stranger_in_the_cameras_place_is_left_alone(scripted, opened, caplog) -> None:
    camera = scripted(["frame", "unplug", "plug", "frame"])
    source = opened(camera)
    frames = iter(source)
    next(frames)
    camera.swap(("Y16", 16, 8, 32), "A webcam")
    with pytest.raises(SourceError, match="another camera, A webcam"):
        next(frames)


def test_waiting_ends_after_the_time_allowed(scripted, opened) -> None:
    camera = scripted(["frame", "unplug"])
    seen, error = until_silent(opened(camera, "v4l2:/dev/video0?wait=7"))
    assert len(seen) == 1
    assert "for 7 s" in error.problem
    assert 7.9 < camera.now_ns() * 1e-9 < 8.3
    assert "wait=" in error.remedy


def test_only_time_in_which_a_frame_is_asked_for_counts_as_waiting(scripted, opened) -> None:
    camera = scripted(["frame"] * 999)
    frames = iter(opened(camera, "v4l2:/dev/video0?wait=3"))
    camera.sleep(4)  # the engine is loaded
    assert next(frames).index == 0
    camera.sleep(4)  # somebody drags a box
    assert next(frames).index > 200
    assert (camera.now_ns() - 10**9) * 1e-9 < 8.1


def test_waiting_counts_from_the_question_on(scripted, opened) -> None:
    camera = scripted(["pause"])
    source = opened(camera, "v4l2:/dev/video0?wait=7")
    camera.sleep(5)
    until_silent(source)
    assert camera.now_ns() == 13 * 10**9  # from 1 s on, 5 s in which nobody asked, then 7


def test_temperatures_are_judged_anew_when_a_camera_comes_back(scripted, opened) -> None:
    def paint(number, buffer):
        np.frombuffer(buffer, "<u2")[...] = 0 if number < 12 else 19_200

    script = [*["frame"] * 14, "unplug", *["pause"] * 60, "plug", "frame"]
    camera = scripted(script, modes=(("YUYV", 256, 384, 512),), rate_hz=25.0, paint=paint)
    frames = iter(opened(camera))
    kelvins = [next(frames).kelvin for _ in range(15)]
    assert [kelvin is not None for kelvin in kelvins] == [False] * 14 + [True]


def test_a_stall_can_be_called_sooner(scripted, opened) -> None:
    source = opened(scripted(["frame", "hang", "frame"]), "v4l2:/dev/video0?stall=0.5")
    frames = iter(source)
    first, second = next(frames), next(frames)
    assert 0.5 <= (second.timestamp_ns - first.timestamp_ns) * 1e-9 < 0.6


def test_a_slow_sensor_is_not_called_stalled(scripted, opened) -> None:
    camera = scripted(["frame", *["pause"] * 8, "frame"], rate_hz=2)
    source = opened(camera)
    frames = iter(source)
    assert [next(frames).index for _ in range(2)] == [0, 1]
    assert "stalls" in source.faults  # eight periods are too many, five are not
    assert source.faults["stalls"] == 1


def test_days_of_silence_fill_neither_log_nor_memory(scripted, opened, caplog) -> None:
    source = opened(scripted(["frame", *["dead"] * 60, "frame"]), "v4l2:/dev/video0")
    frames = iter(source)
    next(frames)
    with caplog.at_level(logging.WARNING):
        second = next(frames)
    assert len(second.events) <= 3
    assert len(caplog.records) <= 4
    assert source.faults["stalls"] > 60


def test_a_wake_that_flaps_keeps_its_first_events(scripted, opened) -> None:
    flaps = ["unplug", *["pause"] * 400, "plug"] * 12
    source = opened(scripted(["frame", *flaps, "frame"]), "v4l2:/dev/video0")
    frames = iter(source)
    next(frames)
    kinds = [event.kind for event in next(frames).events]
    assert kinds[:2] == ["unplugged", "reconnected"]
    assert len(kinds) == 16


LEPTON = ("Y16", 160, 122, 320)


def lepton_paint(states):
    """Fill frames with a running number, and telemetry with (shutter state, TLinear on)."""

    def paint(number, buffer):
        words = np.frombuffer(buffer, "<u2").reshape(122, 160)
        words[:120] = number
        state, tlinear = states[min(number, len(states) - 1)]
        data = words[120:].reshape(-1)
        data[:] = 0
        uptime = 100_000 + 111 * number
        data[1:3] = uptime & 0xFFFF, uptime >> 16
        data[3] = state << 4
        data[20], data[24] = number + 1, 30_215
        data[208], data[209] = tlinear, 1

    return paint


def lepton(scripted, opened, states):
    node = {"usb": "1e4e:0100", "serial": "A"}
    camera = scripted(
        ["frame"] * len(states),
        node=node,
        modes=(LEPTON,),
        rate_hz=9.0,
        paint=lepton_paint(states),
    )
    source = opened(camera, "v4l2:auto")
    return list(itertools.islice(source, len(states)))


def test_a_leptons_shutter_and_temperature_come_with_its_frames(scripted, opened) -> None:
    frames = lepton(scripted, opened, [(0, 0), (1, 0), (2, 0), (3, 0)])
    assert [frame.shutter for frame in frames] == ["none", "imminent", "closed", "none"]
    assert [frame.sensor_c for frame in frames] == [pytest.approx(29.0)] * 4
    assert frames[0].counts.shape == (120, 160)


def test_a_change_of_range_is_an_event_and_kelvin_goes_with_the_mode(scripted, opened) -> None:
    frames = lepton(scripted, opened, [(3, 1), (3, 1), (3, 0), (3, 0), (3, 1)])
    assert [frame.kelvin is not None for frame in frames] == [True, True, False, False, True]
    kinds = [[event.kind for event in frame.events] for frame in frames]
    assert kinds == [[], [], ["range_changed"], [], ["range_changed"]]
    assert "TLinear 0.01 K to raw counts" in frames[2].events[0].detail


class PipeKernel(ScriptedCamera):
    """A camera that never has a frame, and whose waiting is the real one."""

    def wait(self, fd, wake_fd, timeout_s):
        return Linux().wait(None, wake_fd, timeout_s)

    def now_ns(self):
        return time.monotonic_ns()


@pytest.mark.parametrize("script", [[], ["unplug"]])
def test_close_from_another_thread_ends_a_waiting_iteration(scripted, opened, script) -> None:
    made = scripted(script)
    camera = PipeKernel(script, path=made.path, modes=made.modes)
    if script:
        camera.is_plugged = True
    source = opened(camera, "v4l2:/dev/video0")
    ended = threading.Event()

    def read():
        list(source)
        ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    time.sleep(0.05)
    camera.is_plugged = not script
    source.close()
    assert ended.wait(30)
    thread.join()
    assert not camera._fds


def test_a_closed_source_holds_nothing(scripted, opened) -> None:
    camera = scripted(["frame"] * 9)
    source = opened(camera)
    next(iter(source))
    source.close()
    source.close()
    assert not camera._fds
    assert list(source) == []


def test_a_second_iteration_goes_on_where_the_first_one_ended(scripted, opened) -> None:
    with opened(camera := scripted(["frame"] * 9)) as source:
        assert [frame.index for frame in itertools.islice(source, 2)] == [0, 1]
        assert [frame.index for frame in itertools.islice(source, 2)] == [2, 3]
        assert source.name == f"{camera.path} (Scripted camera)"
    assert not camera._fds


def test_the_mailbox_drops_more_and_the_index_still_tells(scripted, opened) -> None:
    source = opened(scripted(["frame"] * 400), "v4l2:/dev/video0?wait=1")

    def look_slowly(frame):
        time.sleep(0.001)
        return note(frame)

    seen, _ = until_silent(newest(source), look_slowly)
    assert [index for index, *_ in seen] == [number for _, number, _ in seen]
    assert seen[-1][0] == 399


def test_after_the_first_frame_nothing_big_is_allocated(scripted, opened) -> None:
    big = ("Y16", 640, 512, 1280)
    camera = scripted(["frame"] * 60, modes=(big,), paint=lambda number, buffer: None)
    frames = iter(opened(camera))
    next(frames)
    tracemalloc.start()
    for _ in range(50):
        next(frames)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024  # a frame has ten times that


STEPS = ["frame"] * 6 + ["gap", "damaged", "short", "again", "pause", "hang", "dead", "fail"]
FAULTY = st.lists(st.sampled_from(STEPS) | st.just("unplug plug") | st.integers(1, 12), max_size=60)


@settings(max_examples=40)
@given(FAULTY)
def test_whatever_a_camera_does_every_frame_is_accounted_for(plan) -> None:
    """Whole numbers in the plan are periods in which the reader is busy elsewhere."""
    steps = [step for each in plan if isinstance(each, str) for step in each.split()]
    camera = ScriptedCamera(
        steps, path="/dev/null", modes=(("Y16", 4, 2, 8),), first_sequence=2**32 - 5
    )
    source = V4l2Source(parse("v4l2:/dev/null?wait=30"), kernel=camera)
    busy = [each for each in plan if isinstance(each, int)]

    def work(frame):
        if busy:
            camera.sleep(busy.pop() / 60)
        return frame.index

    indices, _ = until_silent(source, work)
    source.close()
    gaps = sum(after - before - 1 for before, after in itertools.pairwise(indices))
    assert all(after > before for before, after in itertools.pairwise(indices))
    assert len(indices) + lost(source.faults) + camera.unseen == camera.produced
    assert gaps <= lost(source.faults)
    assert not camera._fds


def test_thousands_of_frames_with_faults_leave_no_trace_in_memory(plug, roots) -> None:
    rng = np.random.default_rng(3)
    path = plug()

    def script():
        for _ in range(4000):
            draw = rng.random()
            if draw < 0.001:
                yield from ("unplug", *["pause"] * 30, "plug")
            yield "frame" if draw < 0.97 else STEPS[6 + int(rng.integers(8))]

    camera = ScriptedCamera(script(), path=path, modes=(("Y16", 16, 8, 32),))
    source = V4l2Source(parse("v4l2:/dev/video0?wait=60"), kernel=camera, roots=roots)
    frames = iter(source)
    delivered = sum(1 for _ in itertools.islice(frames, 1000))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    counted, _ = until_silent(frames, lambda frame: None)
    delivered += len(counted)
    source.close()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert delivered > 3500
    assert delivered + lost(source.faults) + camera.unseen == camera.produced
    assert after - before < 200_000


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("v4l2:/dev/no such camera", "does not exist"),
        ("v4l2:/dev/null", "is not a V4L2 device"),
        ("v4l2:serial=nobody", "No connected camera has the serial number nobody"),
        ("v4l2:", "names no camera"),
    ],
)
def test_what_is_no_camera_is_one_clear_error(uri, problem) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(uri)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_camera_has_no_start_frame() -> None:
    with pytest.raises(SourceError, match="can't start at frame 5"):
        open_source("v4l2:auto", start_frame=5)
