import numpy as np
import pytest

from thermedge.runtime.scene import Scene, demo_spec
from thermedge.runtime.thumbnail import LANDSCAPE, Thumbnail

SHAPE = (256, 320)


def landscape(seed=0, dtype=np.uint16):
    """Large shapes with the noise of a sensor; the shapes are the same for every seed."""
    y, x = np.mgrid[:256, :320]
    shapes = 3000 + 200 * np.sin(x / 23.0) * np.cos(y / 31.0) + 0.5 * y
    noise = np.random.default_rng(seed).normal(0, 2, SHAPE)
    return (shapes + noise).astype(dtype)


def noise(seed=0):
    return np.random.default_rng(seed).normal(3000, 5, SHAPE).astype(np.uint16)


def compared(first, second):
    thumbnail = Thumbnail()
    thumbnail.start(first)
    thumbnail.look(second)
    thumbnail.compare()
    return thumbnail


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 40.0), (0.25, 500.0), (-1.0, 7000.0)])
def test_a_change_of_gain_and_offset_is_measured(gain, offset):
    before = landscape(0)
    change = compared(before, (gain * landscape(1) + offset).astype(np.uint16)).change
    assert change.gain == pytest.approx(gain, rel=0.02)
    assert change.likeness == pytest.approx(np.sign(gain), abs=0.01)
    assert change.offset == pytest.approx((gain - 1) * before.mean() + offset, abs=5.0)


def test_another_scene_is_unlike_and_a_flat_one_too():
    assert abs(compared(landscape(), landscape()[:, ::-1] // 2).change.likeness) < 0.9
    flat = np.full(SHAPE, 3000, np.uint16)
    change = compared(landscape(), flat).change
    assert (change.likeness, change.gain, change.spread) == (0.0, 1.0, 0.0)


def test_frames_of_a_still_camera_are_never_taken_for_repeats():
    spec = demo_spec(num_frames=30, bits=8)
    scene = Scene(spec)
    thumbnail = Thumbnail()
    thumbnail.start(scene.frame(0).counts)
    for index in range(1, 30):
        assert not thumbnail.look(scene.frame(index).counts)
        thumbnail.keep()


def test_a_repeat_is_noticed_from_the_second_one_on():
    thumbnail = Thumbnail()
    picture, other = landscape(0), landscape(1)
    thumbnail.start(picture)
    assert [thumbnail.look(picture) for _ in range(3)] == [False, True, True]
    assert not thumbnail.look(other)
    thumbnail.keep()
    assert thumbnail.look(other.copy())


def test_one_pixel_off_the_grid_makes_another_picture():
    picture = np.full(SHAPE, 90, np.uint8)
    thumbnail = Thumbnail()
    thumbnail.start(picture)
    thumbnail.look(picture)
    changed = picture.copy()
    changed[1, 1] += 1
    assert not thumbnail.look(changed)


def test_texture_tells_a_landscape_from_noise():
    assert compared(landscape(), landscape(1)).texture() > 0.9
    assert compared(landscape(), noise()).texture() < 0.5


def test_one_object_before_nothing_does_not_cover_the_picture():
    alone = noise()
    alone[100:120, 100:120] += 400
    assert compared(alone, noise(1)).coverage() < LANDSCAPE
    assert compared(landscape(), noise(1)).coverage() > LANDSCAPE


def test_both_pictures_can_be_had_before_and_after_the_new_one_is_kept():
    thumbnail = compared(landscape(0), noise(1))
    before = [picture.copy() for picture in thumbnail.pictures]
    thumbnail.keep()
    for one, other in zip(before, thumbnail.pictures, strict=True):
        np.testing.assert_array_equal(one, other)
    assert before[0].std() > 10 * before[1].std()


def test_another_kind_of_counts_starts_anew():
    thumbnail = compared(landscape(0), (landscape(1) // 16).astype(np.uint8))
    assert thumbnail.change.gain == pytest.approx(1 / 16, rel=0.05)


def test_the_demo_scene_has_a_landscape():
    scene = Scene(demo_spec(num_frames=2))
    first = scene.frame(0).counts.copy()
    assert compared(first, scene.frame(1).counts).coverage() > LANDSCAPE


def test_a_new_start_on_the_last_picture_of_the_former_one_is_like_a_first_start():
    picture = landscape()
    used, fresh = Thumbnail(), Thumbnail()
    for thumbnail in (used, fresh, used):
        thumbnail.start(picture)
    assert used.look(picture) is fresh.look(picture) is False
    assert used.look(picture) is fresh.look(picture) is True
