import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.runtime.search import FrameScan

FRAMES = st.tuples(st.integers(80, 700), st.integers(60, 520))


@given(FRAMES, st.floats(0, 1), st.floats(0, 1), st.floats(20, 400))
def test_every_point_of_the_frame_lies_in_some_window(frame_px, fx, fy, side):
    width, height = frame_px
    scan = FrameScan()
    scan.begin((fx * width, fy * height), side, frame_px, 160)
    x, y = fy * width, fx * height  # any point

    assert any(
        max(abs(x - window.cx), abs(y - window.cy)) <= window.side / 2 + 1e-6
        for window in scan.windows(100_000)
    )


def test_the_first_window_is_the_last_place_and_the_next_ones_lie_ever_further():
    scan = FrameScan()
    scan.begin((40.0, 50.0), 60.0, (320, 256), 160)
    places = [(w.cx, w.cy) for w in scan.windows(1000)]

    away = [math.dist(place, (40, 50)) for place in places]
    assert places[0] == (40.0, 50.0)
    assert away == sorted(away)


def test_a_scan_goes_round_and_takes_no_window_twice_before():
    scan = FrameScan()
    scan.begin((40.0, 50.0), 60.0, (320, 256), 160)
    every = list(scan.windows(1000))
    assert len(set(every)) == len(every)
    assert next(scan.windows(1)) == every[0]


def test_a_window_larger_than_the_frame_is_cut_down_to_it():
    scan = FrameScan()
    scan.begin((40.0, 50.0), 5000.0, (320, 256), 160)
    assert max(w.side for w in scan.windows(1000)) == 320


def test_a_scan_that_ended_has_no_windows():
    scan = FrameScan()
    scan.begin((40.0, 50.0), 60.0, (320, 256), 160)
    assert scan.active
    scan.end()
    assert not scan.active
    assert list(scan.windows(3)) == []


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_frame_gets_as_many_windows_as_it_may_cost(count):
    scan = FrameScan()
    scan.begin((40.0, 50.0), 60.0, (320, 256), 160)
    assert len(list(scan.windows(count))) == count


def test_a_scan_of_a_short_reach_stays_near_and_goes_round_there():
    scan = FrameScan()
    scan.begin((160.0, 128.0), 60.0, (320, 256), 160)
    near = [w for _ in range(10) for w in scan.windows(2, reach=70.0)]
    assert {math.dist((w.cx, w.cy), (160, 128)) <= 70 for w in near} == {True}
    assert len(set(near)) < len(near) == 20
    assert len(set(scan.windows(1000))) > len(set(near))
