"""Facts about playing a recording as fast as it was taken."""

import time

from thermedge.frame import Frame
from thermedge.runtime.control import Orders
from thermedge.runtime.preview.pace import Pace


def played(timestamps_ms, rate_hz=50.0):
    pace, begun = Pace(rate_hz), time.monotonic()
    for at in timestamps_ms:
        assert list(pace.take(Frame(None, 0, round(at * 1e6)))) == []
    return (time.monotonic() - begun) * 1e3


def test_it_can_stand_where_orders_come_from():
    assert isinstance(Pace(50.0), Orders)


def test_frames_come_when_they_came():
    assert 195 <= played(range(0, 201, 20)) < 1000


def test_frames_more_than_a_second_apart_come_when_they_came_too():
    assert 1095 <= played([0, 1100], rate_hz=1 / 1.1) < 2500


def test_a_gap_of_hours_is_not_waited_for():
    assert played([0, 10, 3.6e6, 3.6e6 + 10]) < 1000


def test_a_clock_that_jumps_back_is_followed():
    assert played([5e6, 5e6 + 10, 0, 10]) < 1000


def test_a_slow_tracker_is_not_slowed_further():
    pace = Pace(50.0)
    pace.take(Frame(None, 0, 0))
    time.sleep(0.05)
    begun = time.monotonic()
    pace.take(Frame(None, 1, 20_000_000))
    assert time.monotonic() - begun < 0.02
