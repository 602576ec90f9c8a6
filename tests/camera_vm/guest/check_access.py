"""Who may not have the camera is told why, and what is connected is listed."""

import json
import os

import numpy as np
import pytest
from rig import HOTTEST, call

from thermedge.errors import SourceError


def flat(number, mode):
    return np.full((120, 160), 9000 + number, np.uint16)


FED = {"form": "Y16", "size": (160, 120), "rate_hz": 10}
TRACK = ("--init", "10,10,30,30", "--bundle", HOTTEST, "--max-frames", "3")
NOBODY = 65534


def test_a_user_without_permission_is_told_which_group_has_it(vivid):
    os.chmod(vivid.node, 0o660)

    run = call("track", f"v4l2:{vivid.node}", *TRACK, user=NOBODY)

    assert run.status == 2
    assert f"{vivid.node} may not be opened by this user: Permission denied." in run.err
    assert "group `video`" in run.err
    assert "Traceback" not in run.err


def test_a_second_program_is_refused_and_does_not_disturb_the_first(vivid, opened):
    source = opened(f"v4l2:{vivid.node}?format=GREY&size=160x120")
    frames = iter(source)
    next(frames)

    run = call("track", f"v4l2:{vivid.node}?format=Y16&size=320x256", *TRACK)

    assert run.status == 2
    assert f"{vivid.node} is in use" in run.err
    assert [next(frames).counts.shape for _ in range(5)] == [(120, 160)] * 5
    assert source.faults.get("stalls", 0) == 0


def test_two_programs_may_read_where_the_driver_lets_them(feed, loop_node, opened):
    feed(flat, **FED)
    frames = iter(opened(f"v4l2:{loop_node}"))
    next(frames)

    run = call("track", f"v4l2:{loop_node}", *TRACK)

    assert run.status == 0
    assert "3 frames" in run.err
    numbers = [int(next(frames).counts[0, 0]) for _ in range(5)]
    assert numbers == sorted(set(numbers))


def test_a_camera_without_a_signal_is_told_from_a_missing_one(loop_node, opened):
    with pytest.raises(SourceError, match=f"{loop_node} has no signal"):
        opened(f"v4l2:{loop_node}")
    with pytest.raises(SourceError, match=f"/dev/video77 does not exist; .*{loop_node}"):
        opened("v4l2:/dev/video77")


def test_cameras_are_listed_while_one_of_them_streams(vivid, feed, loop_node, opened):
    feed(flat, **FED)
    frames = iter(opened(f"v4l2:{vivid.node}?format=Y16&size=320x256"))
    next(frames)

    run = call("cameras", "--json")
    text = call("cameras")

    assert (run.status, text.status) == (0, 0)
    found = {camera["path"]: camera for camera in json.loads(run.out)}
    assert set(found) >= {vivid.node, vivid.webcam, loop_node}
    assert found[vivid.node]["is_streaming"]
    assert not found[vivid.webcam]["is_streaming"]
    next(frames)
    offered = {(each["format"], each["size"]) for each in found[loop_node]["formats"]}
    assert ("Y16", "160x120") in offered
    assert loop_node in text.out
    assert "Y16" in text.out


def test_a_node_of_another_kind_is_refused(opened):
    with pytest.raises(SourceError, match="/dev/null is not a V4L2 device"):
        opened("v4l2:/dev/null")
