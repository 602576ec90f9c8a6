import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.geometry import Box
from thermedge.manifest import HeadSpec
from thermedge.runtime.crop import Window
from thermedge.runtime.decode import Decoder

HEAD = HeadSpec(kind="centre", stride_px=8, size="template")


def empty_maps():
    return {
        name: np.zeros((1, count, 20, 20), np.float32)
        for name, count in (("score", 1), ("offset", 2), ("size", 2), ("spread", 2))
    }


@given(
    st.floats(20, 300),
    st.floats(20, 230),
    st.floats(6, 60),
    st.floats(6, 60),
    st.floats(-60, 60),
    st.floats(-60, 60),
    st.floats(-0.5, 0.5),
)
def test_a_box_written_into_the_maps_is_read_back(x, y, w, h, dx, dy, ln_grown):
    window = Window.around(Box(x, y, w, h), 4.0, 160)
    template = (w * window.scale, h * window.scale)
    cx, cy = (80 + dx) / 8, (80 + dy) / 8  # cells
    column, row = int(cx), int(cy)
    maps = empty_maps()
    maps["score"][0, 0, row, column] = 0.9
    maps["offset"][0, :, row, column] = cx - column - 0.5, cy - row - 0.5
    maps["size"][0, :, row, column] = ln_grown, -ln_grown

    found = Decoder(HEAD, 20, 0.4).best(maps, window, template)

    assert found.score == pytest.approx(0.9)
    assert found.cx == pytest.approx(x + w / 2 + dx / window.scale, abs=1e-3)
    assert found.cy == pytest.approx(y + h / 2 + dy / window.scale, abs=1e-3)
    assert found.ln_w == pytest.approx(math.log(w) + ln_grown, abs=1e-5)
    assert found.ln_h == pytest.approx(math.log(h) - ln_grown, abs=1e-5)


@given(
    st.floats(6, 60), st.floats(6, 60), st.floats(-60, 60), st.floats(-60, 60), st.floats(0.2, 4)
)
def test_a_box_written_as_distances_is_read_back(w, h, dx, dy, scale):
    window = Window(200, 150, 160 / scale, 160)
    column, row = int((80 + dx) / 8), int((80 + dy) / 8)
    left, top = (column + 0.5) * 8 - (80 + dx - w / 2), (row + 0.5) * 8 - (80 + dy - h / 2)
    maps = {name: np.zeros((1, n, 20, 20), np.float32) for name, n in (("score", 1), ("ltrb", 4))}
    maps["score"][0, 0, row, column] = 0.9
    maps["ltrb"][0, :, row, column] = left, top, w - left, h - top
    head = HeadSpec(kind="ltrb", stride_px=8, size="window", spread=0.1)

    found = Decoder(head, 20, 0.4).best(maps, window, (1.0, 1.0))

    assert found.cx == pytest.approx(200 + dx / scale, abs=1e-2)
    assert found.cy == pytest.approx(150 + dy / scale, abs=1e-2)
    assert found.ln_w == pytest.approx(math.log(w / scale), abs=1e-4)
    assert found.ln_h == pytest.approx(math.log(h / scale), abs=1e-4)
    assert found.spread_w == found.spread_h == 0.1


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_what_is_told_of_changes_is_read_at_the_best_cell(ln_floor, logit):
    maps = empty_maps() | {"change": np.zeros((1, 2, 20, 20), np.float32)}
    maps["score"][0, 0, 9, 11] = 0.9
    maps["change"][0, :, 9, 11] = ln_floor, logit
    found = Decoder(HEAD, 20, 0.4).best(maps, Window(80, 80, 160, 160), (40, 40))
    assert found.change.floor == pytest.approx(math.exp(ln_floor), rel=1e-4)
    assert found.change.share == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-6)


def test_a_network_that_tells_nothing_of_changes_leaves_them_open():
    found = Decoder(HEAD, 20, 0.4).best(empty_maps(), Window(80, 80, 160, 160), (40, 40))
    assert found.change is None


def test_of_two_equal_peaks_the_nearer_to_the_middle_wins_only_when_centred():
    maps = empty_maps()
    maps["score"][0, 0, 0, 0] = 0.8
    maps["score"][0, 0, 10, 11] = 0.75
    decoder, window = Decoder(HEAD, 20, 0.4), Window(80, 80, 160, 160)

    assert decoder.best(maps, window, (40, 40)).score == pytest.approx(0.75)
    assert decoder.best(maps, window, (40, 40), centred=False).score == pytest.approx(0.8)


def test_the_score_returned_is_the_network_s_own():
    maps = empty_maps()
    maps["score"][0, 0, 0, 0] = 0.8
    found = Decoder(HEAD, 20, 0.9).best(maps, Window(80, 80, 160, 160), (40, 40))
    assert found.score == pytest.approx(0.8)


def test_the_spread_leaves_as_a_scale():
    maps = empty_maps()
    maps["score"][0, 0, 4, 5] = 1.0
    maps["spread"][0, :, 4, 5] = math.log(0.05), math.log(0.3)
    found = Decoder(HEAD, 20, 0.4).best(maps, Window(80, 80, 160, 160), (40, 40))
    assert (found.spread_w, found.spread_h) == pytest.approx((0.05, 0.3))


def all_maps():
    return empty_maps() | {"change": np.zeros((1, 2, 20, 20), np.float32)}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("name", ["score", "offset", "size", "spread", "change"])
def test_what_a_network_that_overflowed_gives_is_no_box_or_a_sound_one(name, number):
    maps = all_maps()
    maps["score"][0, 0, 9, 11] = 0.9
    maps[name][0, :, 9, 11] = number
    found = Decoder(HEAD, 20, 0.4).best(maps, Window(80, 80, 160, 160), (40, 40))
    sizes = found.ln_w, found.ln_h, found.spread_w, found.spread_h
    assert all(map(math.isfinite, (found.cx, found.cy, *sizes, *(found.change or ()))))
    assert max(found.ln_w, found.ln_h) < 11
    assert 0 <= found.score <= 1
    if math.isnan(number):
        assert (found.score, found.cx, found.ln_w) == (0, 80, pytest.approx(math.log(40)))


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e30])
def test_distances_that_overflowed_are_no_box(number):
    maps = {name: np.zeros((1, n, 20, 20), np.float32) for name, n in (("score", 1), ("ltrb", 4))}
    maps["score"][0, 0, 9, 11] = 0.9
    maps["ltrb"][0, 2, 9, 11] = number
    head = HeadSpec(kind="ltrb", stride_px=8, size="window", spread=0.1)
    found = Decoder(head, 20, 0.4).best(maps, Window(80, 80, 160, 160), (40, 40))
    assert (found.score, found.cx, found.cy) == (0, 80, 80)
