from dataclasses import replace

import numpy as np
import pytest

from thermedge.bundle import TEMPLATE_GRAPH, TRACK_GRAPH
from thermedge.calibration import rollout
from thermedge.calibration.rollout import Collector, Footage
from thermedge.errors import TargetError
from thermedge.geometry import Box
from thermedge.runtime.backends import open_backend
from thermedge.runtime.crop import Cropper, Window
from thermedge.runtime.recording import Quota, RecordingSink
from thermedge.runtime.sources.replay import ReplaySource
from thermedge.runtime.start import AutoChooser
from thermedge.runtime.track import NO_BOX, Track
from thermedge.runtime.tracker import open_tracker


def frames_of(samples):
    return [sample.origin.frame for sample in samples]


def box_at(number):
    return Box(40.0 + 2 * number, 40.0, 18.0, 14.0)


def test_windows_are_those_that_the_runtime_cuts(collector, shipped, make_frames, make_footage):
    frames = make_frames(2)
    collector.roll(make_footage(frames))
    crop = shipped.manifest.crop
    cuts = (
        ("template", "template", crop.template_factor, crop.template_px, 0),
        ("track", "search", crop.search_factor, crop.search_px, 1),
    )
    for graph, name, factor, size_px, number in cuts:
        expected = np.empty((size_px, size_px), np.float32)
        window = Window.around(box_at(0), factor, size_px)
        Cropper().cut(frames[number].counts, window, low=0.0, high=255.0, out=expected)
        (sample,) = collector.samples(graph)
        np.testing.assert_array_equal(sample.feed[name][0, 0], expected)


def test_the_tracker_goes_where_it_goes_without_being_watched(shipped, make_frames, make_footage):
    frames = make_frames(25)
    with open_tracker(shipped, backend="ort", precision="fp32") as tracker:
        tracker.init(frames[0], box_at(0))
        boxes = []
        for frame in frames[1:]:
            tracker.update(frame)
            boxes.append(tracker._motion.box)  # windows follow what is seen, not what is reported
    windows = []
    with Collector(shipped, windows=100, templates=9, seed=0) as collector:
        collector.roll(make_footage(frames))
        windows = [sample.feed["search"][0, 0] for sample in collector.samples("track")]
    crop = shipped.manifest.crop
    for box, frame, window in zip(boxes, frames[2:], windows[1:]):  # noqa: B905  no frame after the last box
        expected = np.empty_like(window)
        around = Window.around(box, crop.search_factor, crop.search_px)
        Cropper().cut(frame.counts, around, low=0.0, high=255.0, out=expected)
        np.testing.assert_array_equal(window, expected)


def test_what_is_carried_is_kept_as_it_grew(collector, shipped, make_frames, make_footage):
    collector.roll(make_footage(make_frames(20)))
    samples = collector.samples("track")
    net = open_backend("ort", shipped.path(TRACK_GRAPH), shipped.manifest.track)
    ((carried, before),) = shipped.manifest.carried.items()
    followed = 0
    for sample, after in zip(samples, samples[1:]):  # noqa: B905  pairs of neighbours
        for name, array in sample.feed.items():
            net.inputs[name][...] = array
        net.run()
        followed += np.array_equal(net.outputs[before], after.feed[carried])
    assert followed >= len(samples) - 3
    stored = [np.count_nonzero(sample.feed["store_bias"] == 0) for sample in samples]
    assert stored[0] == 1 < stored[-1]


def test_template_feeds_give_what_the_track_feeds_hold(
    collector, shipped, make_frames, make_footage
):
    collector.roll(make_footage(make_frames(3)))
    net = open_backend("ort", shipped.path(TEMPLATE_GRAPH), shipped.manifest.template)
    (template,) = collector.samples("template")
    net.inputs["template"][...] = template.feed["template"]
    net.run()
    for name, output in shipped.manifest.cached.items():
        np.testing.assert_array_equal(collector.samples("track")[0].feed[name], net.outputs[output])


def test_nothing_is_kept_of_frames_that_must_not_calibrate(collector, make_frames, make_footage):
    frames = make_frames(30, shutter=dict.fromkeys((8, 9, 10), "closed"), again=(14, 18, 20))
    tally = collector.roll(make_footage(frames))
    taken = set(frames_of(collector.samples("track")))
    # The first repeat goes unnoticed, here as on a board.
    assert not taken & {8, 9, 10, 18, 20}
    assert tally.left_out == {"shutter": 3, "duplicate": 2, "stall": 0}
    after = [s for s in collector.samples("track") if s.origin.frame == 11]
    assert {s.origin.strata.shutter for s in after} == {"under 10 s"}


def test_a_tracker_that_leaves_the_label_is_started_again(collector, make_frames, make_footage):
    truth = np.array([list(box_at(i)) for i in range(30)])
    truth[16:, 1] += 50  # the labels go on elsewhere
    tally = collector.roll(make_footage(make_frames(30), truth=truth))
    assert tally.starts >= 2
    clips = [sample.origin.clip for sample in collector.samples("track")]
    assert clips == sorted(clips)
    starts = {sample.origin.clip: sample.origin.frame for sample in collector.samples("template")}
    assert starts[1] == 16 + 5
    assert {sample.origin.box for sample in collector.samples("track")} == {"labelled"}


def test_along_labels_a_track_is_started_anew_now_and_then(
    collector, make_frames, make_footage, monkeypatch
):
    monkeypatch.setattr(rollout, "_RENEW", 10)
    collector.roll(make_footage(make_frames(25)))
    starts = {s.origin.clip: s.origin.frame for s in reversed(collector.samples("template"))}
    assert starts == {0: 0, 1: 10, 2: 20}
    box = Box(40.0, 40.0, 18.0, 14.0)
    assert collector.roll(make_footage(make_frames(25), init=box)).starts == 1


def test_what_is_cut_elsewhere_while_the_target_is_missing_is_a_scan(
    shipped, make_frames, make_footage
):
    loop = replace(shipped.manifest.loop, accept_score=0.998, sure_score=0.999, reacquire_score=1.0)
    strict = replace(shipped, manifest=replace(shipped.manifest, loop=loop))
    with Collector(strict, windows=400, templates=9, seed=0) as collector:
        collector.roll(make_footage(make_frames(6), init=box_at(0)))
        looks = [sample.origin.strata.look for sample in collector.samples("track")]
    assert looks[:2] == ["follow", "follow"]
    assert {"follow", "scan"} == set(looks[2:])
    assert looks.count("follow") == 5


def test_long_after_the_last_label_nothing_is_kept(collector, make_frames, make_footage):
    truth = np.full((60, 4), np.nan)
    truth[:5] = [list(box_at(i)) for i in range(5)]
    collector.roll(make_footage(make_frames(60), truth=truth))
    assert max(frames_of(collector.samples("track"))) == 4 + 30


def test_the_label_that_a_track_starts_on_says_for_a_while_where_the_target_is(
    collector, make_frames, make_footage
):
    truth = np.full((60, 4), np.nan)
    truth[0] = list(box_at(0))
    collector.roll(make_footage(make_frames(60), truth=truth))
    assert frames_of(collector.samples("track")) == list(range(1, 31))


def test_without_labels_the_box_given_is_followed(collector, make_frames, make_footage):
    tally = collector.roll(make_footage(make_frames(12), init=box_at(0)))
    assert (tally.is_labelled, tally.starts) == (False, 1)
    assert frames_of(collector.samples("track")) == list(range(1, 12))
    assert {sample.origin.box for sample in collector.samples("track")} == {"tracked"}


def test_a_chosen_target_is_followed(collector, make_frames, make_footage):
    footage = make_footage(make_frames(20), choose=lambda: AutoChooser("hottest", timeout_s=10))
    assert collector.roll(footage).starts == 1
    assert collector.samples("track")


def test_a_chooser_that_finds_nothing_says_so(collector, make_frames, make_footage):
    footage = make_footage(
        make_frames(5, hidden=range(5)), choose=lambda: AutoChooser("moving", timeout_s=10)
    )
    with pytest.raises(TargetError, match="moving"):
        collector.roll(footage)


def test_no_more_frames_are_read_than_asked_for(collector, make_frames, make_footage):
    tally = collector.roll(make_footage(make_frames(20), max_frames=7))
    assert tally.frames == 7
    assert max(frames_of(collector.samples("track"))) == 6


def test_frames_are_numbered_as_in_the_recording(collector, make_frames, make_footage):
    collector.roll(make_footage(make_frames(4), first=100))
    assert frames_of(collector.samples("track")) == [101, 102, 103]


def test_our_own_recordings_start_where_they_were_started(
    collector, shipped, make_frames, make_footage, tmp_path
):
    sink = RecordingSink(tmp_path, quota=Quota(), source="test:", rate_hz=30.0, is_live=False)
    with open_tracker(shipped, backend="ort", precision="fp32") as tracker:
        for number, frame in enumerate(make_frames(16, dtype=np.uint16)):
            if number < 3:
                track = Track(NO_BOX, 0.0, "idle", number, frame.timestamp_ns, 0, {})
            elif number == 3:
                track = replace(tracker.init(frame, box_at(3)), start=box_at(3))
            else:
                track = tracker.update(frame)
            sink.write(frame, track)
    sink.close()
    footage = Footage("run", lambda: ReplaySource(tmp_path), has_orders=True)
    assert collector.roll(footage).starts == 1
    assert frames_of(collector.samples("template"))[0] == 3
    assert frames_of(collector.samples("track")) == list(range(4, 16))
    assert collector.samples("track")[0].origin.strata.depth == "16 bit"


def test_a_target_that_was_let_go_calibrates_until_then(collector, shipped, make_frames, tmp_path):
    sink = RecordingSink(tmp_path, quota=Quota(), source="test:", rate_hz=30.0, is_live=False)
    with open_tracker(shipped, backend="ort", precision="fp32") as tracker:
        for number, frame in enumerate(make_frames(16)):
            track = Track(NO_BOX, 0.0, "idle", number, frame.timestamp_ns, 0, {})
            if number == 0:
                track = replace(tracker.init(frame, box_at(0)), start=box_at(0))
            elif number < 10:
                track = tracker.update(frame)
            sink.write(frame, track)
    sink.close()
    tally = collector.roll(Footage("run", lambda: ReplaySource(tmp_path), has_orders=True))
    assert (tally.starts, tally.frames) == (1, 16)
    assert frames_of(collector.samples("track")) == list(range(1, 10))
