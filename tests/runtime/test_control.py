"""Facts about orders from other threads."""

import threading

import pytest

from thermedge.errors import TargetError, ThermedgeError
from thermedge.events import Event
from thermedge.geometry import Box
from thermedge.runtime.control import Asked, Control, Orders, Snapshot, Start, Stop
from thermedge.runtime.summary import Summary
from thermedge.runtime.track import NO_BOX, Track

BOX = Box(1, 2, 3, 4)


def test_orders_of_many_threads_arrive_once_each():
    control = Control()

    def ask():
        for _ in range(6):
            control.ask(Start(BOX))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = control.take(None)
    assert len(taken) == 60
    assert control.take(None) == []
    assert isinstance(control, Orders)


def test_an_order_that_was_taken_back_is_not_carried_out():
    control = Control()
    answer = control.ask(Stop())
    control.ask(Snapshot())
    assert answer.cancel()
    assert [asked.order for asked in control.take(None)] == [Snapshot()]


def test_answers_reach_who_asked():
    control = Control()
    first, second = control.ask(Stop()), control.ask(Start(BOX))
    done, refused = control.take(None)
    done.done(None)
    refused.refused(TargetError("Too small.", "Give a larger one."))
    assert first.result() is None
    with pytest.raises(TargetError, match="Too small"):
        second.result()


def test_a_refusal_that_nobody_waits_for_is_raised():
    Asked(Stop()).done(None)
    with pytest.raises(TargetError):
        Asked(Start(BOX)).refused(TargetError("Too small.", "Give a larger one."))


def test_orders_that_nobody_takes_are_bounded():
    control = Control()
    for _ in range(64):
        control.ask(Stop())
    with pytest.raises(ThermedgeError, match="64 orders wait"):
        control.ask(Stop())


def test_the_status_needs_no_frame():
    control = Control()
    assert control.status() == {"state": "starting"}
    summary = Summary()
    track = Track(
        BOX, 0.5, "lost", 7, 0, 2, {}, (Event("lost", 0, 7, "."),), age_ms=3.21, confidence=0.0
    )
    summary.add(track, sinks_ms=0, seconds=0)
    control.publish(track, summary)
    found = control.status()
    assert found.pop("silent_s") >= 0
    assert found == {
        "state": "lost",
        "frame": 7,
        "frames": 1,
        "dropped": 2,
        "fps": 0.0,
        "events": {"lost": 1},
        "faults": {},
        "x": 1,
        "y": 2,
        "w": 3,
        "h": 4,
        "score": 0.5,
        "confidence": 0.0,
        "age_ms": 3.21,
    }


def test_the_status_of_a_run_without_a_target_has_no_box():
    control = Control()
    control.publish(Track(NO_BOX, 0.0, "idle", 7, 0, 0, {}), Summary())
    assert not {"x", "score", "confidence"} & set(control.status())
