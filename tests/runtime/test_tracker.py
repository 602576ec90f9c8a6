import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest

from thermedge.errors import TargetError
from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.geometry import Box


def frame(index, place=None, side=20, shutter="none", dtype=np.uint8, shape=(256, 320)):
    """A warm square of `side` px whose middle is `place`, on a cold scene."""
    counts = np.full(shape, 20, dtype)
    counts[0, 0] = index % 200  # a camera that shows the same picture twice is frozen
    if place is not None:
        x, y = (round(value - side / 2) for value in place)
        counts[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = 230
    return Frame(counts, index, index * 33_333_333, bits=8, shutter=shutter)


def started(tracker, place=(100, 100), **kwargs):
    tracker.init(frame(0, place, **kwargs), Box.from_center(*place, 20, 20))
    return tracker


def test_the_box_follows_a_moving_target(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 60):
        place = (100 + index, 100 + index / 2)
        track = tracker.update(frame(index, place))
        # The stand-in network knows whole cells only, and a cell is 4 px of this frame.
        assert track.box.center == pytest.approx(place, abs=8)
        assert track.state == "tracking"


def test_a_target_that_vanishes_is_coasted_then_lost_and_reacquired_elsewhere(make_tracker):
    tracker = started(make_tracker())
    states = [tracker.update(frame(index)).state for index in range(1, 10)]
    assert states == ["coasting"] * 5 + ["lost"] * 4

    for index in range(10, 30):
        track = tracker.update(frame(index, (280, 30)))
        if track.state == "reacquired":
            break
    assert track.box.center == pytest.approx((280, 30), abs=8)
    assert tracker.update(frame(index + 1, (280, 30))).state == "tracking"


def test_a_look_alike_far_away_is_not_taken_until_the_target_is_lost(make_tracker):
    tracker = started(make_tracker(lost_after_frames=6))
    tracks = [tracker.update(frame(index, (290, 230))) for index in range(1, 30)]
    assert [track.state for track in tracks[:5]] == ["coasting"] * 5
    assert all(track.box.center == (100, 100) for track in tracks[:5])
    assert tracks[-1].box.center == pytest.approx((290, 230), abs=8)


def test_a_target_that_comes_back_near_its_last_place_is_taken_at_once(make_tracker):
    tracker = started(make_tracker(lost_after_frames=100))
    for index in range(1, 8):
        tracker.update(frame(index))
    assert tracker.update(frame(8, (155, 100))).state == "reacquired"


@pytest.mark.parametrize("heat", [0, 100, 230])  # nothing, a weak hit, a sure one far away
def test_a_missing_frame_costs_a_bounded_number_of_inferences(make_tracker, heat):
    tracker = started(make_tracker(scan_windows=4, lost_after_frames=30))
    for index in range(1, 12):
        item = frame(index)
        item.counts[100:120, 160:180] = max(heat, 20)
        before = tracker._net.runs
        tracker.update(item)
        assert 0 < tracker._net.runs - before <= 4 + 2


def test_while_the_shutter_is_closed_no_network_runs_and_the_box_drifts_on(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 11):
        last = tracker.update(frame(index, (100 + 2 * index, 100)))
    runs = tracker._net.runs
    tracks = [tracker.update(frame(i, (0, 0), shutter="closed")) for i in range(11, 20)]
    assert tracker._net.runs == runs
    assert {track.state for track in tracks} == {"coasting"}  # 9 frames: lost, were it missing
    assert all(track.score == 0 for track in tracks)
    assert last.box.x < tracks[-1].box.x < last.box.x + 2 * 9 + 2


def test_after_the_shutter_the_target_is_found_two_windows_away(make_tracker):
    tracker = started(make_tracker(lost_after_frames=100))
    for index in range(1, 20):
        tracker.update(frame(index, shutter="closed"))
    track = tracker.update(frame(20, (190, 60), shutter="settling"))
    assert track.state == "reacquired"
    assert track.box.center == pytest.approx((190, 60), abs=8)


def test_nothing_is_remembered_around_a_shutter_event(make_tracker):
    tracker = started(make_tracker())
    template = tracker._memory._net
    runs = template.runs
    for index in range(1, 20):
        shutter = "imminent" if index < 10 else "settling"
        tracker.update(frame(index, (100, 100), shutter=shutter))
    assert template.runs == runs
    for index in range(20, 30):
        tracker.update(frame(index, (100, 100)))
    assert template.runs > runs


def kinds(track):
    return [event.kind for event in track.events]


def test_a_frozen_picture_coasts_runs_no_network_and_the_track_goes_on_after_it(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 21):
        tracker.update(frame(index, (100 + 4 * index, 100)))
    stuck = frame(20, (180, 100))
    tracks, runs = [], []
    for index in range(21, 45):
        tracks.append(tracker.update(replace(stuck, index=index, timestamp_ns=index * 33_333_333)))
        runs.append(tracker._net.runs)
    # The first repeat goes unnoticed; then the last track is told again for 0.2 s.
    assert runs[0] == runs[-1]
    assert [track.state for track in tracks[:6]] == ["tracking"] * 6
    assert {track.box for track in tracks[1:6]} == {tracks[0].box}
    assert {track.state for track in tracks[7:]} == {"coasting"}
    assert tracks[-1].box.center[0] > tracks[0].box.center[0] + 10
    closed = [track for track in tracks if kinds(track) == ["shutter_closed"]]
    assert len(closed) == 1
    assert closed[0].events[0].detail == "The shutter closed: the picture stands still."

    track = tracker.update(frame(45, (230, 100)))
    assert track.state == "reacquired"
    assert kinds(track) == ["shutter_opened", "reacquired"]
    assert track.box.center == pytest.approx((230, 100), abs=8)


def test_blindness_of_more_than_five_seconds_is_a_loss(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 200):
        track = tracker.update(frame(index, shutter="closed"))
    assert track.state == "lost"
    after = [tracker.update(frame(index, (280, 30))).state for index in range(200, 210)]
    assert "reacquired" in after


def test_after_a_gap_in_the_stream_the_target_is_found_where_it_went(make_tracker):
    tracker = started(make_tracker(lost_after_frames=100))
    for index in range(1, 10):
        tracker.update(frame(index, (100, 100)))
    track = tracker.update(frame(40, (190, 60)))
    assert (track.state, track.dropped) == ("reacquired", 30)
    assert track.box.center == pytest.approx((190, 60), abs=8)


def test_nothing_is_remembered_until_a_target_found_again_was_seen_for_some_frames(make_tracker):
    tracker = started(make_tracker(confirm_frames=6))
    for index in range(1, 5):
        tracker.update(frame(index))
    runs = tracker._memory._net.runs
    assert tracker.update(frame(5, (100, 100))).state == "reacquired"
    for index in range(6, 12):
        assert tracker.update(frame(index, (100, 100))).state == "tracking"
        assert tracker._memory._net.runs == runs
    for index in range(12, 20):
        tracker.update(frame(index, (100, 100)))
    assert tracker._memory._net.runs > runs


def test_a_search_ends_after_the_time_it_was_given(make_tracker):
    tracker = started(make_tracker(give_up_after_s=1.0))
    tracks = [tracker.update(frame(index)) for index in range(1, 50)]
    told = [(track.frame_index, kind) for track in tracks for kind in kinds(track)]
    assert told == [(1, "coasting"), (6, "lost"), (31, "gave_up")]
    runs = tracker._net.runs
    track = tracker.update(frame(50, (100, 100)))
    assert (track.state, track.score, tracker._net.runs) == ("lost", 0.0, runs)
    started(tracker)
    assert tracker.update(frame(1, (100, 100))).state == "tracking"


def test_without_a_limit_a_search_never_ends(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 300):
        track = tracker.update(frame(index))
    assert track.state == "lost"
    assert "reacquired" in {tracker.update(frame(i, (20, 20))).state for i in range(300, 320)}


def test_events_of_the_source_are_passed_on_first(make_tracker):
    tracker = started(make_tracker())
    stall = Event("stall", 0, 1, "No frame for 2 s.")
    track = tracker.update(replace(frame(1), events=(stall,)))
    assert kinds(track) == ["stall", "coasting"]
    assert tracker.update(frame(2)).events == ()


def scene(index, *places, seed, gain=1.0, offset=0):
    """A 16-bit landscape that follows from `seed`, warm squares in it, and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 60, (8, 10)).astype(np.float32)
    counts = cv2.resize(coarse, (320, 256), interpolation=cv2.INTER_CUBIC) + 3000
    for x, y in places:
        x, y = round(x - 10), round(y - 10)
        counts[y : y + 20, x : x + 20] = 4000
    counts += np.random.default_rng([seed, index]).normal(0, 2, counts.shape)
    counts = (gain * counts + offset).astype(np.uint16)
    return Frame(counts, index, index * 33_333_333)


def followed(tracker, frames, place=(100, 100)):
    """Return the tracks of all frames after the first."""
    tracker.init(frames[0], Box.from_center(*place, 20, 20))
    return [tracker.update(item) for item in frames[1:]]


def test_after_a_cut_the_whole_frame_is_believed_at_once(make_tracker):
    before = [scene(index, (100, 100), seed=1) for index in range(12)]
    after = [scene(index, (280, 220), seed=2) for index in range(12, 18)]
    tracks = followed(make_tracker(lost_after_frames=100, reacquire_score=0.6), before + after)
    cut = tracks[11]
    assert "camera_moved" in kinds(cut)
    found = next(track for track in tracks[11:] if track.state == "reacquired")
    assert found.frame_index <= 15  # four frames of four windows cover this frame
    assert found.box.center == pytest.approx((280, 220), abs=8)


def test_a_hidden_target_is_not_looked_for_all_over_the_frame(make_tracker):
    before = [scene(index, (100, 100), (280, 220), seed=1) for index in range(12)]
    after = [scene(index, (280, 220), seed=1) for index in range(12, 20)]
    sure = {"accept_score": 0.6, "reacquire_score": 0.6}
    tracks = followed(make_tracker(lost_after_frames=100, **sure), before + after)
    assert {track.state for track in tracks[11:]} == {"coasting"}
    assert not any("camera_moved" in kinds(track) for track in tracks)


def test_a_range_that_changes_is_followed_at_once(make_tracker):
    before = [scene(index, (100, 100), seed=1) for index in range(12)]
    after = [scene(i, (100, 100), seed=1, gain=0.3, offset=9000) for i in range(12, 24)]
    tracks = followed(make_tracker(), before + after)
    assert {track.state for track in tracks} == {"tracking"}
    low, high = np.percentile(after[-1].counts, [0.5, 99.8])
    assert tracks[11].box.center == pytest.approx((100, 100), abs=8)
    assert high - low < 400 < 9000 < low


@pytest.mark.parametrize(("fits", "renewed"), [(0.9, False), (0.5, True)])
def test_a_target_that_looks_otherwise_in_the_new_range_is_learned_again(
    make_tracker, fits, renewed
):
    tracker = make_tracker()
    tracks = followed(tracker, [scene(index, (100, 100), seed=1) for index in range(12)])
    assert tracks[-1].state == "tracking"
    template, runs = tracker._memory._net, tracker._memory._net.runs
    run = tracker._net.run
    tracker._net.run = lambda: (run(), tracker._net.outputs["score"].__imul__(fits))
    track = tracker.update(scene(12, (100, 100), seed=1, gain=0.3, offset=9000))
    assert ("template_renewed" in kinds(track)) is renewed
    assert (template.runs > runs) is renewed


def test_a_target_that_was_not_trusted_is_not_learned_again(make_tracker):
    tracker = make_tracker(lost_after_frames=100)
    tracks = followed(
        tracker,
        [scene(0, (100, 100), seed=1)] + [scene(index, seed=1) for index in range(1, 12)],
    )
    assert tracks[-1].state == "coasting"
    track = tracker.update(scene(12, seed=1, gain=-1.0, offset=9000))
    assert "template_renewed" not in kinds(track)


def test_an_uncertain_size_is_drawn_to_the_first_one_and_a_certain_one_is_followed(make_tracker):
    def size_after(ln_spread):
        tracker = started(make_tracker())
        tracker._net.ln_size, tracker._net.ln_spread = 0.3, ln_spread
        for index in range(1, 3):
            box = tracker.update(frame(index, (100, 100))).box
        return box.w

    assert size_after(-6.0) == pytest.approx(20 * np.exp(0.3 * 0.75), rel=0.1)
    assert size_after(0.0) < 20 * np.exp(0.05)


def test_lost_frames_are_counted_from_the_sequence_number(make_tracker):
    tracker = started(make_tracker())
    assert tracker.update(frame(1, (100, 100))).dropped == 0
    assert tracker.update(frame(5, (100, 100))).dropped == 3


def test_a_target_leaving_the_frame_keeps_the_box_at_its_border(make_tracker):
    tracker = started(make_tracker(), place=(20, 100))
    for index in range(1, 20):
        box = tracker.update(frame(index, (20 - 2 * index, 100))).box
    assert 0 <= box.center[0] < 320


def largest_growth(tracker, frames):
    """Return the most memory (bytes) that any update took on top of what was there."""
    largest = 0
    tracemalloc.start()
    try:
        for index, item in enumerate(frames):
            item = replace(item, index=1000 + index)
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            tracker.update(item)
            largest = max(largest, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return largest


# Boxes, floats, times and the Track of a frame take 3.3 kB. The smallest array pair of the
# loop, two 20x20 float32 maps, would add 3.2 kB. tracemalloc sees NumPy's and OpenCV's arrays.
OBJECTS_ONLY = 3800


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_array_is_allocated_while_tracking(make_tracker, dtype):
    tracker = started(make_tracker(), dtype=dtype)
    frames = [frame(i, (100 + i % 7, 100), dtype=dtype) for i in range(1, 40)]
    for item in frames[:5]:
        tracker.update(item)
    assert largest_growth(tracker, frames) < OBJECTS_ONLY


def test_no_array_is_allocated_while_searching(make_tracker):
    tracker = started(make_tracker())
    frames = [frame(i) for i in range(1, 40)]
    for item in frames[:5]:  # the list of scan windows is laid out once per loss
        tracker.update(item)
    assert largest_growth(tracker, frames[5:]) < OBJECTS_ONLY


def test_the_measure_of_allocations_sees_a_single_map(make_tracker):
    tracker = started(make_tracker())
    frames = [frame(i, (100, 100)) for i in range(1, 10)]
    for item in frames:
        tracker.update(item)
    frames.append(frame(10, (100, 100)))
    run = tracker._net.run
    tracker._net.run = lambda: (np.empty((2, 20, 20), np.float32), run())
    assert largest_growth(tracker, frames) > OBJECTS_ONLY


@pytest.mark.parametrize(
    ("box", "told"),
    [
        (Box(10, 10, 0, 5), "no area"),
        (Box(10, 10, -4, 5), "no area"),
        (Box(float("nan"), 10, 4, 5), "not a finite"),
        (Box(400, 10, 20, 20), "outside"),
        (Box(-100, -100, 20, 20), "outside"),
        (Box(0, 0, 330, 20), "larger"),
    ],
)
def test_an_impossible_box_is_refused_with_its_values(make_tracker, box, told):
    tracker = make_tracker()
    with pytest.raises(TargetError, match=told):
        tracker.init(frame(0), box)
    assert not tracker.started


def test_a_track_can_not_start_on_the_closed_shutter(make_tracker):
    with pytest.raises(TargetError, match="shutter"):
        make_tracker().init(frame(0, (50, 50), shutter="closed"), Box(40, 40, 20, 20))


def test_a_frame_of_another_size_is_refused(make_tracker):
    tracker = started(make_tracker())
    with pytest.raises(TargetError, match="160x120"):
        tracker.update(frame(1, shape=(120, 160)))


def test_update_before_init_is_refused(make_tracker):
    with pytest.raises(TargetError, match="init"):
        make_tracker().update(frame(0))


def test_closing_closes_both_networks(make_tracker):
    with started(make_tracker()) as tracker:
        pass
    assert tracker._net.closed
    assert tracker._memory._net.closed


def test_stages_add_up_to_the_time_spent(make_tracker):
    tracker = started(make_tracker())
    track = tracker.update(frame(1, (100, 100)))
    assert set(track.stage_ms) == {"scale", "crop", "infer", "decode", "update"}
    assert all(value >= 0 for value in track.stage_ms.values())


def test_it_tells_the_engine_that_it_runs_in(make_tracker):
    tracker = make_tracker()
    tracker._net.name = "trt-fp16"
    assert tracker.engine == "trt-fp16"


def test_a_target_that_hides_is_expected_no_further_away_when_stamps_come_in_bunches(make_tracker):
    def drifted(early_ns):
        tracker = started(make_tracker())
        for index in range(1, 60):
            item = frame(index, (100 + 2 * index, 100) if index < 56 else None)
            at_ns = item.timestamp_ns - (early_ns if index % 2 else 0)
            track = tracker.update(replace(item, timestamp_ns=at_ns))
            if index == 55:
                began = track.box.center[0]
        return track.box.center[0] - began

    even = drifted(0)
    assert 2 < even < 10
    assert all(0 < drifted(33_333_333 - after_ns) < 2 * even for after_ns in (0, 1, 1000, 100_000))


@pytest.mark.parametrize("after_ns", [1, 1000, 1_000_000])
def test_a_pan_throws_no_box_away_when_stamps_come_in_bunches(make_tracker, after_ns):
    wide = np.random.default_rng(5).normal(0, 1, (256, 1400)).astype(np.float32)
    wide = cv2.GaussianBlur(wide, (0, 0), 12)

    def panned(index):
        counts = 3000 + 12_000 * wide[:, 12 * index : 12 * index + 320]
        counts[90:110, 90:110] = 5000
        counts += np.random.default_rng(index).normal(0, 2, counts.shape)
        at_ns = index // 2 * 66_666_666 + index % 2 * after_ns
        return Frame(counts.astype(np.uint16), index, at_ns)

    tracker = make_tracker()
    tracker.init(panned(0), Box.from_center(100, 100, 20, 20))
    shift, steps = tracker._motion.shift, []
    tracker._motion.shift = lambda dx, dy: (steps.append(abs(dx)), shift(dx, dy))
    for index in range(1, 90):
        tracker.update(panned(index))
    assert max(steps, default=0) < 60


def test_a_missing_target_drifts_as_far_when_each_picture_comes_three_times(make_tracker):
    def drifted(times):
        tracker = started(make_tracker())
        for index in range(1, 20):
            item = frame(index, (100, 100) if index < 10 else None)
            for again in range(times):
                at_ns = item.timestamp_ns + again * 33_333_333 // times
                same = replace(item, index=times * index + again, timestamp_ns=at_ns)
                track = tracker.update(same)
            if index == 9:
                tracker._motion._vx, began = 90.0, track.box.center[0]
        return track.box.center[0] - began

    assert drifted(1) == pytest.approx(90 * 0.3 * (1 - np.exp(-1)), abs=1)
    assert drifted(3) == pytest.approx(drifted(1), abs=1)


def test_a_gap_of_more_than_five_seconds_is_a_loss(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 10):
        tracker.update(frame(index, (100, 100)))
    track = tracker.update(frame(210))
    assert (track.state, kinds(track)) == ("lost", ["lost"])
    assert {tracker.update(frame(index)).state for index in range(211, 215)} == {"lost"}


def test_after_long_blindness_a_middling_score_at_the_old_place_is_not_the_target(make_tracker):
    tracker = started(make_tracker(reacquire_score=0.7, accept_score=0.2, sure_score=0.75))
    for index in range(1, 200):
        track = tracker.update(frame(index, shutter="closed"))
    assert track.state == "lost"
    item = frame(200)
    item.counts[90:110, 90:110] = 120  # between the two scores
    assert tracker.update(item).state == "lost"
    assert tracker.update(frame(201, (100, 100))).state == "reacquired"


@pytest.mark.parametrize("blind", ["closed", "gap", "long"])
def test_time_in_which_nobody_could_look_is_no_part_of_a_search(make_tracker, blind):
    tracker = started(make_tracker(give_up_after_s=1.0))
    first = 300 if blind == "long" else 61
    for index in range(1, first if blind != "gap" else 1):
        tracker.update(frame(index, shutter="closed"))
    tracks = [tracker.update(frame(index)) for index in range(first, first + 40)]
    gave_up = [track.frame_index for track in tracks if "gave_up" in kinds(track)]
    assert gave_up == [first + 31]


def test_a_network_that_overflows_costs_one_frame(make_tracker):
    tracker = started(make_tracker())
    run = tracker._net.run
    for index in range(1, 20):
        if index == 10:
            tracker._net.run = lambda: (
                run(),
                [tracker._net.outputs[name].fill(np.nan) for name in ("score", "size")],
            )
        track = tracker.update(frame(index, (100, 100)))
        tracker._net.run = run
        assert track.state == ("coasting" if index == 10 else "tracking")
        assert all(np.isfinite(tuple(track.box)))
        assert track.score >= 0


def test_a_lost_target_stays_lost_while_the_shutter_is_closed(make_tracker):
    tracker = started(make_tracker())
    for index in range(1, 10):
        track = tracker.update(frame(index))
    assert track.state == "lost"
    tracks = [tracker.update(frame(index, shutter="closed")) for index in range(10, 30)]
    tracks += [tracker.update(frame(index)) for index in range(30, 33)]
    assert {track.state for track in tracks} == {"lost"}
    assert [kind for track in tracks for kind in kinds(track)] == [
        "shutter_closed",
        "shutter_opened",
    ]
