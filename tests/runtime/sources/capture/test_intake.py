"""Facts about draining a stream and accounting for it."""

import logging
import os

import numpy as np
import pytest

from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.device import Device
from thermedge.runtime.sources.capture.intake import LOST, Intake
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.capture.setup import set_up
from thermedge.runtime.sources.capture.stream import Stream

SMALL = ("Y16", 16, 8, 32)


@pytest.fixture
def wake():
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    yield fd
    os.close(fd)


@pytest.fixture
def start(wake):
    def make(script, *, usb=None, camera=ScriptedCamera, **settings):
        settings = {"modes": (SMALL,), "path": "/dev/null"} | settings
        camera = camera(script, **settings)
        device = Device(camera, "/dev/null")
        faults: dict[str, int] = {}
        intake = Intake(set_up(device, parse("v4l2:auto"), usb), faults, camera)
        intake.attach(Stream(device))

        def take(timeout_s=1.0):
            return intake.take(device.fd, wake, timeout_s)

        return camera, take, faults

    return make


def indices(take, count):
    return [shot.index for _ in range(count) if (shot := take())]


def test_each_fault_is_counted_by_its_name(start) -> None:
    camera, take, faults = start(["frame", "gap", "gap", "frame", "damaged", "short", "frame"])
    assert indices(take, 7) == [0, 3, 6]
    assert faults == {"missing": 2, "damaged": 1, "short": 1}


def test_a_late_reader_gets_the_newest_and_knows_how_many_it_missed(start) -> None:
    camera, take, faults = start(["frame"] * 12)
    assert take().index == 0
    camera.sleep(0.051)
    assert take().index == 3
    assert faults == {"skipped": 2}


def test_pictures_of_a_full_queue_are_too_old(start) -> None:
    camera, take, faults = start(["frame"] * 12)
    assert take().index == 0
    camera.sleep(0.151)  # 4 buffers, 9 frames
    assert take() is None
    assert take().index == 10
    assert faults == {"skipped": 4, "missing": 5}


def test_a_picture_before_a_failure_is_not_lost(start) -> None:
    camera, take, faults = start(["frame", "frame", "fail"])
    camera.sleep(0)
    assert take().index == 0
    assert take().index == 1
    with pytest.raises(OSError, match="Input/output"):
        take()


def test_nothing_in_time_is_none(start) -> None:
    camera, take, faults = start(["pause"] * 100)
    assert take(0.5) is None
    assert camera.now_ns() == 1_500_000_000
    assert faults == {}


def test_stamps_of_the_driver_are_kept(start) -> None:
    camera, take, faults = start(["frame", "pause", "frame"])
    assert [take().stamp_ns for _ in range(2)] == [10**9, 10**9 + 33_333_000]


def test_an_unknown_clock_is_told_and_replaced_by_the_arrival(start, caplog) -> None:
    camera, take, faults = start(["frame", "frame"], stamp_flags=0)
    with caplog.at_level(logging.WARNING):
        stamps = [take().stamp_ns for _ in range(2)]
    assert stamps == [10**9, 10**9 + 16_666_667]
    assert caplog.text.count("clock is unknown") == 1
    assert faults == {}


def test_an_impossible_time_is_counted_and_replaced_by_the_arrival(start, caplog) -> None:
    camera, take, faults = start(["frame"] * 3)
    first = take()
    camera.clock_ns -= 10**12  # the driver stamps frames long before the last one
    camera._due_ns = camera.clock_ns
    assert take().stamp_ns >= first.stamp_ns
    assert faults == {"bad_stamp": 1}


class Odd(ScriptedCamera):
    """Stamps pictures with `odd_ns` where it has one for their number, else `lag_ns` ago."""

    def __init__(self, script, *, odd_ns, lag_ns=0, **settings):
        super().__init__(script, **settings)
        self.odd_ns, self.lag_ns, self.num_taken = odd_ns, lag_ns, 0

    def _dqbuf(self, taken):
        super()._dqbuf(taken)
        told_ns = taken.timestamp.secs * 10**9 + taken.timestamp.usecs * 1000 - self.lag_ns
        secs, rest_ns = divmod(self.odd_ns.get(self.num_taken, told_ns), 10**9)
        taken.timestamp.secs, taken.timestamp.usecs = secs, rest_ns // 1000
        self.num_taken += 1


@pytest.mark.parametrize("odd_ns", [0, 10**9, 10**15])
def test_one_impossible_time_leaves_the_driver_its_clock(start, odd_ns) -> None:
    camera, take, faults = start(["frame"] * 60, camera=Odd, odd_ns={10: odd_ns}, lag_ns=25_000_000)
    shots = [(take().stamp_ns, camera.now_ns()) for _ in range(60)]
    stamps = [stamp_ns for stamp_ns, _ in shots]
    assert stamps == sorted(stamps)
    ages_ms = [(now_ns - stamp_ns) / 1e6 for stamp_ns, now_ns in shots]
    assert ages_ms[:10] + ages_ms[13:] == pytest.approx([25.0] * 57, abs=0.01)
    assert faults == {"bad_stamp": 1}


def test_a_time_far_ahead_does_not_hold_the_next_ones_up(start) -> None:
    camera, take, faults = start(["frame"] * 60, camera=Odd, odd_ns={10: 2 * 10**9})
    stamps = [take().stamp_ns for _ in range(60)]
    assert len(set(stamps)) == 60
    assert faults == {"bad_stamp": 1}


def test_a_little_ahead_is_an_end_of_frame(start) -> None:
    camera, take, faults = start(["frame"] * 9, camera=Odd, odd_ns={}, lag_ns=-27_000_000)
    assert [take().stamp_ns for _ in range(9)][0] == 10**9 + 27_000_000
    assert faults == {}


def test_a_first_time_from_long_before_the_stream_is_impossible(start) -> None:
    day_ns = 86_400 * 10**9
    camera, take, faults = start(["frame"] * 3, camera=Odd, odd_ns={0: 0}, clock_ns=day_ns)
    assert take().stamp_ns == day_ns
    assert faults == {"bad_stamp": 1}


def test_a_driver_that_wakes_us_for_nothing_is_broken_and_no_reason_to_spin(start) -> None:
    camera, take, faults = start([])
    camera.wait = lambda fd, wake_fd, timeout_s: fd is not None
    with pytest.raises(OSError, match="no frame"):
        list(iter(take, "never"))


LEPTON = ("Y16", 80, 60, 160)  # without telemetry: repeats are seen in the pixels


def thirds(number, buffer):
    np.frombuffer(buffer, "<u2")[...] = number // 3


def test_a_stream_that_shows_each_picture_three_times_gives_it_once(start) -> None:
    camera, take, faults = start(
        ["frame"] * 9, usb="1e4e:0100", modes=(LEPTON,), rate_hz=27, paint=thirds
    )
    shots = [shot for _ in range(9) if (shot := take())]
    assert [shot.index for shot in shots] == [0, 1, 2]
    assert faults == {"repeated": 6}


def test_a_frozen_sensor_is_shown_and_no_repeat(start) -> None:
    camera, take, faults = start(
        ["frame"] * 54, usb="1e4e:0100", modes=(LEPTON,), rate_hz=27, paint=lambda n, b: None
    )
    shots = [shot for _ in range(54) if (shot := take())]
    assert len(shots) > 8  # of two seconds
    assert len(shots) + faults["repeated"] == 54


def test_a_camera_that_freezes_without_repeating_by_nature_is_shown_as_it_is(start) -> None:
    camera, take, faults = start(["frame"] * 5)
    assert indices(take, 5) == [0, 1, 2, 3, 4]
    assert not faults


def test_all_names_of_lost_frames_are_told() -> None:
    assert set(LOST) == {"missing", "damaged", "short", "skipped", "repeated"}
