"""Facts about what is said of the run."""

import asyncio

import pytest

from thermedge.geometry import Box
from thermedge.runtime.control import Control
from thermedge.runtime.preview.feed import Feed
from thermedge.runtime.preview.history import History
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.preview.told import Told
from thermedge.runtime.recording import Quota
from thermedge.runtime.summary import Summary


@pytest.fixture
def parts(tmp_path):
    history = History()
    feed, control = Feed(history), Control()
    recorder = Recorder(tmp_path, quota=Quota(), source="s", rate_hz=30, is_live=True)
    told = Told(control, feed, history=history, recorder=recorder, source="cam", tracker="tiny")
    yield told, feed, control, recorder
    recorder.close()


def test_before_the_first_frame_it_is_starting(parts):
    told, *_ = parts
    status = asyncio.run(told.status())
    assert (status["state"], status["sensor"], status["source"]) == ("starting", None, "cam")
    assert told.track() is None
    assert told.health() == (False, {"ok": False, "state": "starting"})


def test_then_it_tells_the_track_and_the_sensor(parts, make_frame, make_track):
    told, feed, control, _ = parts
    frame = make_frame(4, sensor_c=31.5)
    track = make_track(frame, Box(1, 2, 3, 4))
    feed.write(frame, track)
    control.publish(track, Summary())
    status = asyncio.run(told.status())
    assert (status["state"], status["x"], status["h"]) == ("tracking", 1, 4)
    assert status["sensor"] == {
        "width": 64,
        "height": 48,
        "bits": 14,
        "shutter": "none",
        "sensor_c": 31.5,
        "is_radiometric": True,
    }
    assert told.track()["frame"] == 4
    assert told.health()[0] is True


def test_the_board_s_sensors_are_part_of_it(parts):
    board = asyncio.run(parts[0].status())["board"]
    assert {"power_mode", "temperatures_c", "rails_w", "clocks_mhz", "is_throttled"} <= set(board)


def test_a_recording_is_told_by_its_name(parts):
    told, _, _, recorder = parts
    assert asyncio.run(told.status())["recording"]["run"] is None
    run = recorder.start()
    assert asyncio.run(told.status())["recording"] == {
        "folder": str(run.parent),
        "run": run.name,
    }


def test_a_camera_that_hangs_is_not_well(parts, make_frame, make_track, monkeypatch):
    told, feed, *_ = parts
    frame = make_frame(0)
    feed.write(frame, make_track(frame))
    came_s = feed.newest.came_s
    monkeypatch.setattr("thermedge.runtime.preview.told.time.monotonic", lambda: came_s + 6)
    assert told.health() == (False, {"ok": False, "silent_s": 6.0})
