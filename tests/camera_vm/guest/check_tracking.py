"""track-camera, as installed, keeps its target through what cameras do."""

import scene
from rig import wait_for

KEPT = ("tracking", "uncertain", "reacquired")
# A white square in the middle of black; counters, so that no picture is like the last one.
SQUARE = {"test_pattern": 5, "show_square": 1, "osd_text_mode": 1}
FED = {"form": "Y16", "size": scene.SIZE, "rate_hz": 10}


def start(track, feed, loop_node, *more, **how):
    """Feed the scene and track its target; returns both."""
    feeding = feed(scene.Scene(), **FED)
    return feeding, track(f"v4l2:{loop_node}", (*scene.START, *scene.TARGET), *more, **how)


def is_tracked(tracks):
    return states(tracks[-8:]) == ["tracking"] * 8


def states(tracks):
    return [track["state"] for track in tracks]


def shut(run, feeding, mode):
    """Let the target move, close the shutter for 1.5 s and open it; return the tracks."""
    run.wait_for(is_tracked, "it tracked")
    feeding.mode = scene.OPEN
    count = len(run.tracks)
    run.wait_for(lambda tracks: len(tracks) > count + 8 and is_tracked(tracks), "it followed")
    feeding.mode = mode
    pictures = feeding.count
    wait_for(lambda: feeding.count >= pictures + 15, "the shutter's time")
    feeding.mode = scene.SHIFTED
    count = len(run.tracks)
    run.wait_for(lambda tracks: len(tracks) > count + 8 and is_tracked(tracks), "it tracked again")
    return run.tracks


def drift_error_px(tracks):
    """Return how far the last box is from where the last one before the shutter leads to."""
    closed = next(i for i, track in enumerate(tracks) if track["state"] != "tracking")
    before, after = tracks[closed - 1], tracks[-1]
    expected = scene.SPEED * (after["frame"] - before["frame"])
    return abs(after["x"] - before["x"] - expected) + abs(after["y"] - before["y"])


def test_a_target_is_kept_through_a_shutter_that_freezes_the_picture(track, feed, loop_node):
    feeding, run = start(track, feed, loop_node)

    tracks = shut(run, feeding, scene.FROZEN)

    assert run.events("shutter_closed")
    assert run.events("shutter_opened")
    closed = run.events("shutter_closed")[0]["frame"]
    opened = run.events("shutter_opened")[-1]["frame"]
    between = [track for track in tracks if closed < track["frame"] < opened]
    assert between
    assert set(states(between)) == {"coasting"}
    assert drift_error_px(tracks) < 4
    assert run.end() == 0


def test_a_target_is_kept_through_a_shutter_that_shows_itself(track, feed, loop_node):
    feeding, run = start(track, feed, loop_node)

    tracks = shut(run, feeding, scene.UNIFORM)

    assert run.events("shutter_closed")
    assert "lost" not in states(tracks)
    assert drift_error_px(tracks) < 4
    assert run.end() == 0


def test_a_target_is_kept_while_its_camera_is_unplugged_and_back(track, vivid, opened):
    vivid.set(**SQUARE)
    with opened(f"v4l2:{vivid.node}?format=Y16&size=320x256") as source:
        counts = next(iter(source)).counts
    rows, columns = (counts > counts.mean()).any(1), (counts > counts.mean()).any(0)
    box = (columns.argmax(), rows.argmax(), columns.sum(), rows.sum())
    run = track(f"v4l2:{vivid.node}?format=Y16&size=320x256", tuple(map(int, box)))
    run.wait_for(is_tracked, "it tracked")
    before = run.tracks

    vivid.unplug()
    wait_for(lambda: "went away" in run.log.read_text(), "a word in the log")
    vivid.replug()
    vivid.set(**SQUARE)
    run.wait_for(lambda tracks: run.events("reconnected"), "it was back")
    count = len(run.tracks)
    run.wait_for(
        lambda tracks: len(tracks) > count + 8 and is_tracked(tracks),
        "it tracked again",
    )

    assert [len(run.events(kind)) for kind in ("unplugged", "reconnected")] == [1, 1]
    after = run.tracks[-1]
    assert abs(after["x"] - before[-1]["x"]) + abs(after["y"] - before[-1]["y"]) < 6
    frames = [track["frame"] for track in run.tracks]
    assert frames == sorted(set(frames))
    assert run.end() == 0
    next(iter(opened(f"v4l2:{vivid.node}")))  # and the camera is free again


def test_the_shipped_tracker_runs_on_a_camera_and_computes_what_it_should(track, feed, loop_node):
    more = ("--check-golden", "--max-frames", "4")
    _, run = start(track, feed, loop_node, *more, bundle="default")

    assert run.process.wait(120) == 0
    assert len(run.tracks) == 4
    assert set(states(run.tracks)) <= set(KEPT)
