import threading
import time

import numpy as np
import pytest

from thermedge.errors import SourceError, TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.loop import Latency, follow, newest
from thermedge.runtime.track import STAGES, Track

BOX = Box(40, 40, 20, 20)


class Frames:
    """A source of warm squares; a live one delivers at its own pace."""

    def __init__(self, count, *, live=False, pause_s=0.0, fail_at=None):
        self.count, self.live, self.pause_s, self.fail_at = count, live, pause_s, fail_at
        self.counts = np.full((128, 160), 20, np.uint8)
        self.counts[40:60, 40:60] = 230
        self.closed = False

    def __iter__(self):
        for index in range(self.count):
            time.sleep(self.pause_s)
            if index == self.fail_at:
                raise SourceError("The cable broke.", "Mend it.")
            yield Frame(self.counts, index, index * 10_000_000, bits=8)


class Seen:
    def __init__(self, pause_s=0.0):
        self.tracks, self.pause_s = [], pause_s

    def write(self, frame, track):
        time.sleep(self.pause_s)
        self.tracks.append(track)

    def close(self):
        pass


def test_every_frame_of_a_recording_gets_a_track(make_tracker):
    seen = Seen()
    summary = follow(Frames(30), make_tracker(), BOX, sinks=lambda frame: [seen])
    assert [track.frame_index for track in seen.tracks] == list(range(30))
    assert (summary.frames, summary.dropped) == (30, 0)
    assert summary.states == {"tracking": 30}


def test_a_slow_tracker_gets_the_newest_frame_and_every_lost_one_is_counted(make_tracker):
    seen = Seen(pause_s=0.03)
    source = Frames(60, live=True, pause_s=0.004)
    summary = follow(source, make_tracker(), BOX, sinks=lambda frame: [seen])
    assert summary.dropped > 0
    last = seen.tracks[-1].frame_index
    assert summary.frames + summary.dropped == last + 1
    assert [t.frame_index for t in seen.tracks] == sorted({t.frame_index for t in seen.tracks})


def test_a_frame_in_the_tracker_s_hands_is_not_overwritten():
    class Numbered(Frames):
        def __iter__(self):
            for index in range(300):
                self.counts[:] = index % 251
                yield Frame(self.counts, index, 0, bits=8)
                time.sleep(0.0002)

    for frame in newest(Numbered(0, live=True)):
        before = frame.counts[0, 0]
        time.sleep(0.002)
        assert np.all(frame.counts == before)
        assert before == frame.index % 251


def test_what_breaks_a_live_source_reaches_the_caller_after_the_good_frames(make_tracker):
    seen = Seen()
    source = Frames(10, live=True, pause_s=0.005, fail_at=5)
    with pytest.raises(SourceError, match="cable"):
        follow(source, make_tracker(), BOX, sinks=lambda frame: [seen])
    assert seen.tracks


def test_the_reading_thread_ends_with_the_loop(make_tracker):
    follow(Frames(1000, live=True, pause_s=0.001), make_tracker(), BOX, max_frames=5)
    assert not [thread for thread in threading.enumerate() if thread.name == "frames"]


def test_an_impossible_box_opens_no_sink(make_tracker):
    opened = []
    with pytest.raises(TargetError):
        follow(Frames(3), make_tracker(), Box(900, 0, 5, 5), sinks=opened.append)
    assert not opened


def test_max_frames_ends_the_run(make_tracker):
    assert follow(Frames(30), make_tracker(), BOX, max_frames=7).frames == 7


def test_an_interrupted_run_has_told_what_it_did(make_tracker):
    from thermedge.runtime.loop import Summary

    summary = Summary()

    def stop(track, now):
        if now.frames == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(Frames(30), make_tracker(), BOX, watch=stop, summary=summary)
    assert summary.frames == 4


def test_percentiles_are_those_of_the_frames_noted():
    latency = Latency()
    for value in range(1, 101):
        stages = dict.fromkeys(STAGES, float(value))
        latency.add(Track(BOX, 1.0, "tracking", 0, 0, 0, stages), 0.5)
    rows = latency.percentiles(50, 100)
    assert rows["infer"] == pytest.approx((50.5, 100))
    assert rows["tracker"] == pytest.approx((50.5 * 5, 500))  # all stages but the waiting
    assert rows["sinks"] == (0.5, 0.5)


def test_a_run_without_end_keeps_only_the_newest_times():
    latency = Latency()
    for value in (0.0,) * 9000 + (7.0,) * 8192:
        latency.add(Track(BOX, 1.0, "tracking", 0, 0, 0, {"infer": value}), 0.0)
    assert latency.percentiles(0)["infer"] == (7.0,)


def test_a_run_of_one_frame_has_no_percentiles():
    assert Latency().percentiles(50) == {}
