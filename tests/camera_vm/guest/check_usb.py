"""A USB camera of a known family: found by its names, read with its telemetry, and kept."""

import json

import lepton
import numpy as np
import pytest
import scene
import usb
from rig import call, wait_for

from thermedge.errors import SourceError

SERIAL = lepton.MODEL.names[2]


def listed():
    run = call("cameras", "--json")
    assert run.status == 0, run.err
    return [camera for camera in json.loads(run.out) if camera["serial"] == SERIAL]


def states(tracks):
    return [track["state"] for track in tracks]


def read_past(frames, kind):
    """Return the first frame that has an event of this kind, and all kinds seen up to it."""
    seen = []
    for frame in frames:
        seen += [event.kind for event in frame.events]
        if kind in seen:
            return frame, seen
    raise AssertionError(f"{kind} never came, but {seen}")


def test_the_list_names_family_serial_number_and_lasting_names(plug):
    plug(lepton.MODEL, lepton.Lepton())

    (camera,) = listed()

    assert camera["profile"] == "lepton"
    assert camera["usb"] == "1e4e:0100"
    assert camera["by_id"].startswith("usb-GroupGets_PureThermal")
    assert camera["by_path"].endswith("usb-0:1:1.0-video-index0")
    assert ("Y16", "160x122") in {(each["format"], each["size"]) for each in camera["formats"]}


def test_each_of_its_names_opens_it(plug, opened):
    plug(lepton.MODEL, lepton.Lepton())
    (camera,) = listed()

    for name in ("auto", f"serial={SERIAL}", f"by-id/{camera['by_id']}", camera["path"]):
        with opened(f"v4l2:{name}") as source:
            frame = next(iter(source))
            assert (frame.width_px, frame.height_px) == lepton.SIZE
            assert frame.sensor_c == pytest.approx(lepton.CORE_C, abs=0.01)
            assert frame.kelvin is not None
            assert frame.kelvin.scale == lepton.KELVIN_PER_COUNT


class NoisyLepton(lepton.Lepton):
    """Its picture is noise of all 16 bits, with the number at (0, 0)."""

    def __call__(self, number, mode):
        made = super().__call__(number, mode)
        made[: -lepton.ROWS] = noise(number)
        return made


def noise(number):
    counts = np.random.default_rng(number).integers(0, 1 << 16, lepton.SIZE[::-1], np.uint16)
    counts[0, 0] = number
    return counts


def test_its_pixels_come_through_without_the_telemetry(plug, opened):
    plug(lepton.MODEL, NoisyLepton())
    frames = iter(opened("v4l2:auto"))
    numbers = []
    for _ in range(6):
        counts = next(frames).counts
        numbers.append(int(counts[0, 0]))
        np.testing.assert_array_equal(counts, noise(numbers[-1]))

    assert numbers == sorted(set(numbers))


def test_its_node_of_metadata_is_refused_for_the_one_of_pictures(plug, opened):
    plug(lepton.MODEL, lepton.Lepton())
    (camera,) = listed()
    of_data = camera["by_path"].replace("index0", "index1")

    with pytest.raises(SourceError, match=f"not the pictures.\n  fix: Give v4l2:{camera['path']} "):
        opened(f"v4l2:by-path/{of_data}")


def test_it_is_found_by_its_serial_number_when_it_is_back_in_another_port(plug, opened):
    camera = plug(lepton.MODEL, lepton.Lepton())
    source = opened(f"v4l2:serial={SERIAL}?wait=20")
    frames = iter(source)
    before = next(frames).index
    (there,) = listed()

    camera.stop()
    plug(lepton.MODEL, lepton.Lepton(), port=3)
    frame, seen = read_past(frames, "reconnected")

    assert seen == ["unplugged", "reconnected"]
    assert source.faults["unplugs"] == 1
    assert frame.index > before
    (here,) = listed()
    assert here["by_path"] != there["by_path"]
    assert next(frames).sensor_c == pytest.approx(lepton.CORE_C, abs=0.01)


def test_another_camera_in_its_port_is_not_taken_for_it(plug, opened):
    camera = plug(lepton.MODEL, lepton.Lepton())
    source = opened(f"v4l2:serial={SERIAL}?wait=4")
    frames = iter(source)
    next(frames)

    camera.stop()
    other = lepton.MODEL.with_serial("another-one")
    plug(other, lepton.Lepton())

    with pytest.raises(SourceError, match="no frame for 4 s"):
        read_past(frames, "reconnected")


def test_two_cameras_with_one_serial_number_are_told_apart_by_port_only(plug, opened):
    for port in (0, 2):
        plug(lepton.MODEL, lepton.Lepton(), port=port)

    with pytest.raises(SourceError, match=r"2 cameras share the serial number .*usb-0:[13]"):
        opened(f"v4l2:serial={SERIAL}")
    with pytest.raises(SourceError, match="2 thermal cameras are connected"):
        opened("v4l2:auto")
    first, second = listed()
    assert first["by_path"] != second["by_path"]
    for camera in (first, second):
        next(iter(opened(f"v4l2:by-path/{camera['by_path']}")))


def test_firmware_that_hangs_is_woken_up_by_a_restart_of_the_stream(plug, opened):
    camera = plug(lepton.MODEL, lepton.Lepton())
    source = opened("v4l2:auto?stall=1.5&wait=20")
    frames = iter(source)
    next(frames)

    camera.mode |= usb.STANDS_STILL
    _, seen = read_past(frames, "stall")

    assert seen == ["stall"]
    assert source.faults["stalls"] == 1
    assert "unplugs" not in source.faults
    next(frames)


def test_a_picture_with_lost_packets_is_counted_and_not_delivered(plug, opened):
    camera = plug(lepton.MODEL, NoisyLepton())
    source = opened("v4l2:auto")
    frames = iter(source)
    first = next(frames).index

    camera.mode |= usb.DAMAGES_ONE
    wait_for(lambda: not camera.mode & usb.DAMAGES_ONE, "a damaged picture")
    for _ in range(6):
        frame = next(frames)
        np.testing.assert_array_equal(frame.counts, noise(int(frame.counts[0, 0])))

    # The driver keeps it to itself, but not its number.
    assert source.faults["missing"] >= 1
    assert frame.index - first - 6 == sum(source.faults.values())


def test_a_target_is_kept_through_shutter_and_cable_with_its_temperature(plug, track):
    camera = plug(lepton.MODEL, lepton.Lepton())
    run = track("v4l2:auto", (*scene.START, *scene.TARGET))
    run.wait_for(lambda tracks: states(tracks[-8:]) == ["tracking"] * 8, "it tracked")
    assert run.tracks[-1]["target_c"]["high"] == pytest.approx(lepton.target_c(), abs=2.5)

    for mode, pictures in ((scene.IMMINENT, 6), (scene.FROZEN, 8)):
        camera.mode = mode
        until = camera.count + pictures
        wait_for(lambda until=until: camera.count >= until, "the shutter's time")
    camera.mode = scene.WAITING
    run.wait_for(lambda tracks: run.events("shutter_opened"), "it opened")
    run.wait_for(lambda tracks: states(tracks[-8:]) == ["tracking"] * 8, "it tracked again")
    closed = run.events("shutter_closed")[0]["frame"]
    opened_at = run.events("shutter_opened")[0]["frame"]
    between = [track for track in run.tracks if closed <= track["frame"] < opened_at]
    assert set(states(between)) == {"coasting"}

    camera.stop()
    wait_for(lambda: "went away" in run.log.read_text(), "a word in the log")
    plug(lepton.MODEL, lepton.Lepton(), port=5)
    run.wait_for(lambda tracks: run.events("reconnected"), "it was back")
    count = len(run.tracks)
    run.wait_for(
        lambda tracks: len(tracks) > count + 8 and states(tracks[-8:]) == ["tracking"] * 8,
        "it tracked once more",
    )

    left, top = scene.START
    last = run.tracks[-1]
    assert abs(last["x"] - left) + abs(last["y"] - top) < 3
    assert last["target_c"]["high"] == pytest.approx(lepton.target_c(), abs=2.5)
    assert run.end() == 0
