"""Facts about the picture that is drawn of a frame and its track."""

import math
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from thermedge.frame import Frame, Shutter
from thermedge.geometry import Box
from thermedge.runtime.sinks.overlay import MIN_WIDTH_PX, STYLES, Overlay, latency_ms
from thermedge.runtime.track import NO_BOX, State, TargetCelsius, Track

STATES: tuple[State, ...] = get_args(State)


def drawn(track: Track, *, size: tuple[int, int] = (640, 512), level: int = 90) -> NDArray[Any]:
    width, height = size
    frame = Frame(np.full((height, width), level, np.uint8), 7, 0, 8)
    return Overlay(width, height).draw(frame, track)[:height].copy()


def painted(picture: NDArray[Any], state: State) -> NDArray[np.bool_]:
    """Where the picture has exactly the color of `state`."""
    mask: NDArray[np.bool_] = (picture == STYLES[state].color).all(axis=2)
    return mask


@pytest.mark.parametrize(
    ("size", "expected"),
    [((160, 120), (640, 508)), ((256, 192), (768, 604)), ((640, 512), (640, 540))],
)
def test_small_frames_are_enlarged_by_a_whole_factor(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert Overlay(*size).size_px == expected
    assert expected[0] >= MIN_WIDTH_PX


@pytest.mark.parametrize("size", [(641, 513), (641, 512), (640, 511), (213, 7)])
def test_both_sides_are_even_as_video_codecs_want(size: tuple[int, int]) -> None:
    width, height = Overlay(*size).size_px
    assert (width % 2, height % 2) == (0, 0)


def test_states_differ_in_color_and_in_line(track: Track) -> None:
    assert set(STYLES) == set(STATES)
    assert len({style.color for style in STYLES.values()}) == len(STATES)
    along = np.arange(100)
    lines = {tuple(style.is_drawn(along, 100).tolist()) for style in STYLES.values()}
    assert len(lines) == len(STATES)


@pytest.mark.parametrize("state", STATES)
def test_the_box_is_drawn_around_the_target_and_never_over_it(track: Track, state: State) -> None:
    picture = drawn(replace(track, box=Box(100, 200, 60, 40), state=state))
    assert (picture[200:240, 100:160] == 90).all()
    lines = painted(picture, state)
    for edge in (
        lines[198:200, 98:162],
        lines[240:242, 98:162],
        lines[198:242, 98:100],
        lines[198:242, 160:162],
    ):
        assert edge.any()
    assert edge.all() == (state == "tracking")


def test_the_box_grows_with_the_frame(track: Track) -> None:
    picture = Overlay(160, 120).draw(
        Frame(np.full((120, 160), 90, np.uint8), 7, 0), replace(track, box=Box(50, 60, 10, 5))
    )
    lines = painted(picture, "tracking")
    assert lines[238:240, 198:242].all()
    assert lines[260:262, 198:242].all()
    assert not lines[240:260, 200:240].any()


def test_a_box_along_the_border_stays_visible(track: Track) -> None:
    lines = painted(drawn(replace(track, box=Box(0, 0, 640, 512))), "tracking")
    for edge in (lines[0], lines[-1], lines[:, 0], lines[:, -1]):
        assert edge.mean() > 0.8  # the name hides a little


def test_an_edge_outside_the_frame_is_not_drawn(track: Track) -> None:
    lines = painted(drawn(replace(track, box=Box(-20, 100, 60, 40))), "tracking")
    assert lines[98:100, :42].all()
    assert lines[98:142, 40:42].all()
    assert not lines[102:138, :38].any()


@pytest.mark.parametrize(
    "box",
    [
        Box(-500, 100, 60, 40),
        Box(100, -500, 60, 40),
        Box(5000, 5000, 60, 40),
        Box(-1e30, -1e30, 10, 10),
        Box(-1e30, -1e30, 3e30, 3e30),
        Box(10, 10, 1e-9, 1e-9),
    ],
)
@pytest.mark.parametrize("state", STATES)
def test_a_box_far_outside_leaves_its_name_at_the_border(
    track: Track, box: Box, state: State
) -> None:
    picture = drawn(replace(track, box=box, state=state))
    assert ((picture == 0).all(axis=2)).sum() > 300  # the name's plate


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_box_that_is_nowhere_is_not_drawn(track: Track, value: float) -> None:
    picture = drawn(replace(track, box=Box(value, 1, 2, 3)))
    assert (picture == 90).all()


def test_the_caption_tells_frame_state_score_and_latency(track: Track) -> None:
    def caption(**changes: Any) -> bytes:
        frame = Frame(np.full((512, 640), 90, np.uint8), 7, 0)
        return Overlay(640, 512).draw(frame, replace(track, **changes))[512:].tobytes()

    captions = [
        caption(),
        caption(frame_index=8),
        caption(state="lost"),
        caption(score=0.5),
        caption(stage_ms={"infer": 9.9}),
    ]
    assert len(set(captions)) == len(captions)
    assert caption(dropped=9) == caption()


@pytest.mark.parametrize("shutter", get_args(Shutter))
def test_a_shutter_that_is_not_open_is_marked(track: Track, shutter: Shutter) -> None:
    frame = Frame(np.full((512, 640), 90, np.uint8), 7, 0, shutter=shutter)
    strip = Overlay(640, 512).draw(frame, track)[512:, 500:]
    assert (strip == 255).all(axis=2).any() == (shutter != "none")


def test_latency_leaves_out_the_wait_for_the_frame(track: Track) -> None:
    assert latency_ms(replace(track, stage_ms={"wait": 30, "crop": 1, "infer": 2.5})) == 3.5
    assert latency_ms(replace(track, stage_ms={})) == 0


def test_8_bit_counts_are_shown_as_they_are(track: Track) -> None:
    counts = np.random.default_rng(0).integers(0, 256, (512, 640), dtype=np.uint8)
    nowhere = replace(track, box=Box(math.nan, 1, 1, 1))
    picture = Overlay(640, 512).draw(Frame(counts, 7, 0, 8), nowhere)
    np.testing.assert_array_equal(picture[:512, :, 0], counts)


def wide(level: int) -> NDArray[np.uint16]:
    """A ramp of 1000 counts that begins at `level`."""
    return np.tile(np.linspace(level, level + 1000, 640).astype(np.uint16), (512, 1))


def test_wide_counts_are_stretched_and_saturate_at_both_ends(track: Track) -> None:
    nowhere = replace(track, box=Box(math.nan, 1, 1, 1))
    picture = Overlay(640, 512).draw(Frame(wide(30_000), 7, 0), nowhere)
    row = picture[100, :, 0].astype(int)
    assert (row[0], row[-1]) == (0, 255)
    assert (np.diff(row) >= 0).all()  # nothing folds over
    assert row[320] == pytest.approx(127, abs=5)


def test_the_stretch_follows_a_new_range_slowly(track: Track) -> None:
    overlay = Overlay(640, 512)
    nowhere = replace(track, box=Box(math.nan, 1, 1, 1))
    means = [
        overlay.draw(Frame(wide(level), 7, round(seconds * 1e9)), nowhere)[:512].mean()
        for seconds, level in ((0, 30_000), (0.03, 30_300), (0.06, 30_300), (20, 30_300))
    ]
    assert means[1] - means[0] > 30  # warmer, hence brighter, until the range has followed
    assert means[1] > means[2] > means[3]
    assert means[3] == pytest.approx(means[0], abs=2)


def test_the_picture_is_drawn_in_one_memory(frame: Frame, track: Track) -> None:
    overlay = Overlay(64, 48)
    assert overlay.draw(frame, track) is overlay.draw(frame, track)


def test_a_frame_without_a_target_shows_the_scene_alone(track: Track) -> None:
    idle = drawn(replace(track, box=NO_BOX, state="idle"))
    assert (idle == 90).all()


def test_temperatures_stand_in_the_caption(track: Track) -> None:
    frame = Frame(np.full((512, 640), 90, np.uint8), 7, 0, 8)
    warm = replace(track, target_c=TargetCelsius(20.0, 30.0, 40.0))
    strips = [Overlay(640, 512).draw(frame, one)[512:].copy() for one in (track, warm)]
    assert (strips[1] > 0).sum() > (strips[0] > 0).sum() + 200


@pytest.mark.parametrize(("width", "scale"), [(640, 1), (320, 2), (160, 4)])
def test_it_tells_how_far_it_enlarges(width: int, scale: int) -> None:
    assert Overlay(width, 120).scale == scale
