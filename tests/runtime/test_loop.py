import logging
import math
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from thermedge.errors import SourceError, TargetError
from thermedge.events import Event
from thermedge.frame import Frame, Kelvin
from thermedge.geometry import Box
from thermedge.runtime.control import Asked, Control, Snapshot, Start, Stop
from thermedge.runtime.loop import follow
from thermedge.runtime.summary import Summary

BOX = Box(40, 40, 20, 20)


class Frames:
    """A source of warm squares; a live one delivers at its own pace."""

    def __init__(self, count, *, live=False, pause_s=0.0, fail_at=None, like=None):
        self.count, self.live, self.pause_s, self.fail_at = count, live, pause_s, fail_at
        self.like = like or (lambda frame: frame)
        self.faults = {}
        self.counts = np.full((128, 160), 20, np.uint8)
        self.counts[40:60, 40:60] = 230
        self.closed = False

    def __iter__(self):
        for index in range(self.count):
            time.sleep(self.pause_s)
            if index == self.fail_at:
                raise SourceError("The cable broke.", "Mend it.")
            self.counts[0, 0] = index % 97  # a picture that stands still is a closed shutter
            stamp = time.monotonic_ns() if self.live else index * 10_000_000
            yield self.like(Frame(self.counts, index, stamp, bits=8))

    def close(self):
        self.closed = True


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
    summary = Summary()

    def stop(track, now):
        if now.frames == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(Frames(30), make_tracker(), BOX, watch=stop, summary=summary)
    assert summary.frames == 4


class Scripted:
    """Gives orders at fixed frames; keeps the questions, for their answers."""

    def __init__(self, **orders):
        self.asked = {}
        self.control = Control()
        self.orders = {int(name[1:]): order for name, order in orders.items()}

    def take(self, frame):
        order = self.orders.get(frame.index)
        if order is None:
            return []
        self.asked[frame.index] = self.control.ask(order)
        return self.control.take(frame)


def states(seen):
    return [track.state for track in seen.tracks]


def test_without_a_target_every_frame_is_idle_and_none_is_lost(make_tracker):
    seen = Seen()
    summary = follow(Frames(5), make_tracker(), None, sinks=lambda frame: [seen])
    assert states(seen) == ["idle"] * 5
    assert [track.frame_index for track in seen.tracks] == list(range(5))
    assert all(math.isnan(value) for track in seen.tracks for value in track.box)
    assert summary.states == {"idle": 5}


def test_orders_start_and_stop_a_track_between_frames(make_tracker):
    seen, script = Seen(), Scripted(f3=Start(BOX), f6=Stop(), f8=Start(BOX))
    follow(Frames(10), make_tracker(), None, sinks=lambda frame: [seen], orders=[script])
    assert states(seen) == ["idle"] * 3 + ["tracking"] * 3 + ["idle"] * 2 + ["tracking"] * 2
    assert [track.frame_index for track in seen.tracks if track.start] == [3, 8]
    assert script.asked[3].result().box == BOX
    assert script.asked[6].result() is None
    assert [event.kind for event in seen.tracks[8].events] == ["restarted"]
    assert not seen.tracks[3].events  # the first target is no new one


@pytest.mark.parametrize("box", [Box(900, 0, 5, 5), Box(100, 100, 1e-170, 1e-170)])
def test_an_impossible_order_is_refused_and_the_track_goes_on(make_tracker, box):
    seen, script = Seen(), Scripted(f2=Start(box))
    follow(Frames(5), make_tracker(), BOX, sinks=lambda frame: [seen], orders=[script])
    assert states(seen) == ["tracking"] * 5
    assert isinstance(script.asked[2].exception(), TargetError)


def test_an_impossible_order_of_a_recording_is_an_error(make_tracker):
    class Repeated:
        def take(self, frame):
            return [Asked(Start(Box(900, 0, 5, 5)))]

    with pytest.raises(TargetError, match="outside"):
        follow(Frames(5), make_tracker(), None, orders=[Repeated()])


def test_a_snapshot_is_a_copy_that_outlives_its_frame(make_tracker):
    script, source = Scripted(f2=Snapshot()), Frames(5)
    follow(source, make_tracker(), BOX, orders=[script])
    source.counts[:] = 0
    frame = script.asked[2].result()
    assert frame.index == 2
    assert frame.counts.max() == 230


def test_frames_lost_are_counted_with_a_target_and_without(make_tracker):
    def thinned(frame):
        return replace(frame, index=3 * frame.index)

    seen, script = Seen(), Scripted(f6=Start(BOX), f12=Stop())
    source = Frames(8, like=thinned)
    summary = follow(source, make_tracker(), None, sinks=lambda frame: [seen], orders=[script])
    assert [track.dropped for track in seen.tracks] == [0] + [2] * 7
    assert summary.frames + summary.dropped == seen.tracks[-1].frame_index + 1


def test_a_camera_that_starts_behind_its_shutter_starts_when_it_opens(make_tracker):
    def shut(frame):
        return replace(frame, shutter="closed") if frame.index < 3 else frame

    seen = Seen()
    source = Frames(200, live=True, pause_s=0.002, like=shut)
    follow(source, make_tracker(), BOX, sinks=lambda frame: [seen], max_frames=8)
    started = next(track for track in seen.tracks if track.start)
    assert started.frame_index >= 3
    assert all(track.state == "idle" for track in seen.tracks if track.frame_index < 3)


class Shut:
    """Orders to a live camera: a start and, later, a stop; the shutter is closed from frame 2.

    Whoever asked for the start takes it back at frame `regrets`.
    """

    def __init__(self, opens, stops=None, regrets=None, seconds=0.0):
        self.opens, self.stops, self.step_ns = opens, stops, int(seconds * 1e9)
        self.regrets, self.is_taken_back = regrets, False
        self.control = Control()
        self.start = Asked(Start(BOX), self.control.ask(Start(BOX)))
        self.taken = set()

    def like(self, frame):
        stamp = frame.timestamp_ns + frame.index * self.step_ns
        is_closed = 2 <= frame.index < self.opens
        shutter = "closed" if is_closed else "none"
        return replace(frame, shutter=shutter, timestamp_ns=stamp)

    def take(self, frame):
        due = []
        if frame.shutter == "closed" and "start" not in self.taken:
            self.taken.add("start")
            due += self.control.take(frame)
        if self.regrets is not None and frame.index >= self.regrets and not self.is_taken_back:
            self.is_taken_back = self.start.answer.cancel()
        if self.stops is not None and frame.index >= self.stops and "stop" not in self.taken:
            self.taken.add("stop")
            due.append(Asked(Stop()))
        return due

    def run(self, tracker):
        seen = Seen()
        source = Frames(200, live=True, pause_s=0.002, like=self.like)
        follow(source, tracker, None, sinks=lambda frame: [seen], orders=[self], max_frames=30)
        return seen.tracks


def test_a_start_behind_a_closed_shutter_waits_until_it_opens(make_tracker):
    shut = Shut(opens=10)
    tracks = shut.run(make_tracker())
    assert shut.start.answer.result().frame_index >= 10
    assert {track.state for track in tracks if track.frame_index < 10} == {"idle"}
    assert tracks[-1].state == "tracking"


def test_a_shutter_that_stays_closed_ends_the_wait(make_tracker):
    shut = Shut(opens=1000, seconds=0.5)
    tracks = shut.run(make_tracker())
    assert "closed shutter" in str(shut.start.answer.exception())
    assert {track.state for track in tracks} == {"idle"}


def test_a_stop_takes_back_a_start_that_waits(make_tracker):
    shut = Shut(opens=20, stops=10)
    tracks = shut.run(make_tracker())
    assert "stopped before it began" in str(shut.start.answer.exception())
    assert {track.state for track in tracks} == {"idle"}


@pytest.mark.parametrize("stops", [None, 15])
def test_a_start_that_was_taken_back_while_it_waited_is_not_carried_out(make_tracker, stops):
    shut = Shut(opens=20, stops=stops, regrets=10)
    tracks = shut.run(make_tracker())
    assert shut.is_taken_back
    assert {track.state for track in tracks} == {"idle"}


def test_a_recording_that_starts_behind_the_shutter_is_an_error(make_tracker):
    source = Frames(3, like=lambda frame: replace(frame, shutter="closed"))
    with pytest.raises(TargetError, match="closed shutter"):
        follow(source, make_tracker(), BOX)


class Late:
    """Chooses at the fourth frame it is shown, or never."""

    def __init__(self, *, gives_up=False):
        self.looked, self.gives_up = 0, gives_up

    def choose(self, frame):
        self.looked += 1
        if self.gives_up and self.looked == 3:
            raise self.failed()
        return BOX if self.looked == 4 else None

    def failed(self):
        return TargetError("Nothing stood out.", "Give --init.")


def test_a_chooser_sees_frames_until_it_knows_the_target(make_tracker):
    seen, chooser = Seen(), Late()
    follow(Frames(6), make_tracker(), chooser, sinks=lambda frame: [seen])
    assert states(seen) == ["idle"] * 3 + ["tracking"] * 3
    assert chooser.looked == 4


def test_a_chooser_that_gives_up_ends_the_run_unless_an_order_can_still_come(make_tracker):
    with pytest.raises(TargetError, match="stood out"):
        follow(Frames(6), make_tracker(), Late(gives_up=True))
    script = Scripted(f5=Start(BOX))
    summary = follow(Frames(7), make_tracker(), Late(gives_up=True), orders=[script])
    assert summary.states == {"idle": 5, "tracking": 2}


def test_a_chooser_whose_frames_end_is_an_error(make_tracker):
    with pytest.raises(TargetError, match="stood out"):
        follow(Frames(3), make_tracker(), Late())


class Window:
    """Is open from the first frame on, and never knows."""

    is_open = False

    def choose(self, frame):
        self.is_open = True

    def failed(self):
        return TargetError("The frames ended.", "Choose earlier.")

    def close(self):
        self.is_open = False


@pytest.mark.parametrize("order", [Start(BOX), Stop()])
def test_a_chooser_that_an_order_replaces_is_closed_at_once(make_tracker, order):
    chooser, script, seen = Window(), Scripted(f2=order), []
    follow(
        Frames(4),
        make_tracker(),
        chooser,
        orders=[script],
        watch=lambda track, now: seen.append(chooser.is_open),
    )
    assert seen == [True, True, False, False]


def test_a_chooser_is_closed_when_the_frames_end_or_break(make_tracker):
    chooser = Window()
    with pytest.raises(TargetError, match="frames ended"):
        follow(Frames(2), make_tracker(), chooser)
    assert not chooser.is_open
    with pytest.raises(SourceError, match="cable"):
        follow(Frames(4, fail_at=2), make_tracker(), chooser)
    assert not chooser.is_open


def test_an_order_takes_the_place_of_a_chooser(make_tracker):
    chooser, script = Late(), Scripted(f1=Start(BOX))
    follow(Frames(6), make_tracker(), chooser, orders=[script])
    assert chooser.looked == 1


def test_events_of_frames_are_told_logged_and_counted_once(make_tracker, caplog):
    def eventful(frame):
        kinds = {2: ("unplugged", "reconnected")}.get(frame.index, ())
        events = tuple(Event(kind, 5, 2, "The cable.") for kind in kinds)
        return replace(frame, events=events)

    seen = Seen()
    with caplog.at_level(logging.INFO, "thermedge"):
        summary = follow(Frames(4, like=eventful), make_tracker(), BOX, sinks=lambda frame: [seen])
    assert summary.events == {"unplugged": 1, "reconnected": 1}
    assert [event.kind for event in seen.tracks[2].events] == ["unplugged", "reconnected"]
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("WARNING", "frame 2: unplugged: The cable."),
        ("INFO", "frame 2: reconnected: The cable."),
    ]


def test_a_live_frame_has_its_age_and_a_recorded_one_has_none(make_tracker):
    live, recorded = Seen(), Seen()
    source = Frames(10, live=True, pause_s=0.005)
    follow(source, make_tracker(), BOX, sinks=lambda frame: [live])
    follow(Frames(3), make_tracker(), BOX, sinks=lambda frame: [recorded])
    assert all(0 < track.age_ms < 1000 for track in live.tracks)
    assert all(track.age_ms is None for track in recorded.tracks)


def test_a_time_stamp_ahead_of_the_clock_is_no_negative_age(make_tracker):
    def ahead(frame):
        return replace(frame, timestamp_ns=time.monotonic_ns() + 10**9)

    seen = Seen()
    source = Frames(3, live=True, pause_s=0.005, like=ahead)
    follow(source, make_tracker(), BOX, sinks=lambda frame: [seen])
    assert {track.age_ms for track in seen.tracks} == {0.0}


@pytest.mark.parametrize("rate_hz", [30, 60])
def test_when_the_tracker_is_slower_than_the_camera_no_frame_waits_longer_than_a_period(
    make_tracker, rate_hz
):
    tracker, starts = make_tracker(), []
    update = tracker.update

    def slow(frame):
        starts.append((time.monotonic_ns() - frame.timestamp_ns) / 1e6)
        time.sleep(2.5 / rate_hz)
        return update(frame)

    tracker.update = slow
    source = Frames(3 * rate_hz, live=True, pause_s=1 / rate_hz)
    summary = follow(source, tracker, BOX)
    assert summary.dropped > summary.frames
    late = 15.0  # for a machine that does other things too
    assert np.percentile(starts, 90) < 1e3 / rate_hz + late


def test_temperatures_are_told_only_of_a_target_that_is_seen_by_a_radiometric_core(make_tracker):
    def warm(frame):
        kelvin = Kelvin(1.0, 100.0) if frame.index != 3 else None
        shutter = "closed" if frame.index == 2 else "none"
        return replace(frame, kelvin=kelvin, shutter=shutter)

    seen = Seen()
    follow(Frames(5, like=warm), make_tracker(), BOX, sinks=lambda frame: [seen])
    told = [track.target_c is not None for track in seen.tracks]
    assert told == [True, True, False, False, seen.tracks[4].state != "coasting"]
    assert seen.tracks[0].target_c.high == pytest.approx(230 + 100 - 273.15)


def test_faults_of_source_and_sinks_are_in_the_summary(make_tracker):
    class Feed(Seen):
        faults = {"unsent": 2}

    source = Frames(3)
    source.faults["gaps"] = 1
    summary = follow(source, make_tracker(), BOX, sinks=lambda frame: [Feed()])
    assert summary.faults == {"gaps": 1, "unsent": 2}


def test_a_run_that_is_interrupted_leaves_no_thread_that_reads(make_tracker):
    def stop(track, now):
        if now.frames == 4:
            raise KeyboardInterrupt

    source = Frames(1000, live=True, pause_s=0.001)
    with pytest.raises(KeyboardInterrupt):
        follow(source, make_tracker(), BOX, watch=stop, summary=Summary())
    assert not [thread for thread in threading.enumerate() if thread.name == "frames"]
