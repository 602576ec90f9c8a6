import math

import numpy as np
import pytest

from thermedge.runtime.scene_outlines import KINDS
from thermedge.runtime.scene_shapes import NUM_PHASES, Pose, screen, sprites


def drawn(sprite, pose, shape=(160, 200)):
    """Return heat and cover on a frame."""
    patch, x0, y0 = sprite.draw(pose, 2)
    frame = np.zeros((*shape, 2), np.float32)
    frame[y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]] = patch
    return frame[..., 0], frame[..., 1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size_px", [9.3, 24.0, 61.7])
def test_box_is_the_extent_of_what_is_drawn(kind, size_px):
    pose = Pose(101.3, 80.8, size_px, turn=0.2, mirrored=True)
    for sprite in sprites(kind, np.random.default_rng(5)):
        _, cover = drawn(sprite, pose)
        box = sprite.box(pose)
        ys, xs = np.nonzero(cover > 0.2)

        assert xs.min() >= box.x - 1.5
        assert ys.min() >= box.y - 1.5
        assert xs.max() + 1 <= box.x + box.w + 1.5
        assert ys.max() + 1 <= box.y + box.h + 1.5
        ys, xs = np.nonzero(cover > 0.05)
        assert xs.min() <= box.x + 1.5
        assert ys.min() <= box.y + 1.5
        assert xs.max() + 1 >= box.x + box.w - 1.5
        assert ys.max() + 1 >= box.y + box.h - 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_size_is_the_root_of_the_area_of_the_box_at_rest(kind):
    box = sprites(kind, np.random.default_rng(1))[0].box(Pose(50, 50, 20.0))

    assert math.sqrt(box.area) == pytest.approx(20.0)
    assert box.center == pytest.approx((50, 50))


@pytest.mark.parametrize("kind", KINDS)
def test_mean_heat_is_one(kind):
    sprite = sprites(kind, np.random.default_rng(2))[0]

    heat, cover = drawn(sprite, Pose(100, 80, 50.0))

    assert heat.sum() / cover.sum() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("size_px", [4.0, 7.0, 15.0, 33.0])
def test_cover_grows_with_the_square_of_the_size_down_to_four_pixels(size_px):
    sprite = sprites("person", np.random.default_rng(0))[0]
    reference = drawn(sprite, Pose(100, 80, 60.0))[1].sum() / 60.0**2

    cover = drawn(sprite, Pose(100.37, 80.61, size_px))[1].sum()

    assert cover / size_px**2 == pytest.approx(reference, rel=0.05)


@pytest.mark.parametrize("size_px", [5.0, 18.0, 50.0])
def test_a_shift_of_a_tenth_of_a_pixel_shows(size_px):
    sprite = sprites("blob", np.random.default_rng(0))[0]
    columns = np.arange(200) + 0.5

    def middle(x):
        cover = drawn(sprite, Pose(x, 80, size_px))[1]
        return (cover * columns).sum() / cover.sum()

    assert middle(100.1) - middle(100.0) == pytest.approx(0.1, abs=0.03)


def test_mirroring_swaps_left_and_right():
    sprite = sprites("vehicle", np.random.default_rng(0))[0]

    heat, _ = drawn(sprite, Pose(100, 80, 40.0))
    mirrored, _ = drawn(sprite, Pose(100, 80, 40.0, mirrored=True))

    assert np.abs(heat[:, ::-1] - mirrored).max() < 0.05
    assert np.abs(heat - mirrored).max() > 0.5


@pytest.mark.parametrize(("kind", "count"), [("person", NUM_PHASES), ("vehicle", 1)])
def test_limbs_move_in_phases(kind, count):
    phases = sprites(kind, np.random.default_rng(0))

    assert len(phases) == count
    assert len({phase.box(Pose(0, 0, 30.0)) for phase in phases}) >= min(count, 4)


def test_screen_has_the_asked_aspect():
    box = screen(2.5, np.random.default_rng(0)).box(Pose(0, 0, 40.0))

    assert box.h / box.w == pytest.approx(2.5, rel=0.2)
