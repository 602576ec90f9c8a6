import dataclasses

import cv2
import numpy as np
import pytest

from thermedge.geometry import Box
from thermedge.runtime.jump import JumpDetector
from thermedge.runtime.scene import Occlusion, Scene, demo_spec
from thermedge.runtime.thumbnail import Thumbnail

SIZE = (320, 256)
TARGET = Box(100, 100, 20, 20)


@pytest.fixture(scope="module")
def landscape():
    """A picture twice as wide and high as a frame: what the camera can look at."""
    rng = np.random.default_rng(4)
    picture = np.zeros((512, 640))
    for _ in range(60):
        x, y, radius = rng.uniform(0, 640), rng.uniform(0, 512), rng.uniform(8, 60)
        rows, columns = np.ogrid[:512, :640]
        inside = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
        picture[inside] += rng.normal(0, 60)
    return picture + 3000


@pytest.fixture(scope="module")
def ground():
    """A wide strip of fine texture, in which only some shifts prove themselves."""
    noise = np.random.default_rng(1).normal(0, 1, (256, 3840)).astype(np.float32)
    strip = cv2.GaussianBlur(noise, (0, 0), 12)
    return strip / strip.std() * 300 + 30_000


def jumps(*pictures, target=TARGET, seconds=None):
    """Return what the camera did before each picture but the first.

    Args:
        pictures: uint16.
        target: px.
        seconds: From picture to picture; evenly spaced where nothing is told.
    """
    seconds = seconds or [0.0] * (len(pictures) - 1)
    thumbnail, detector, seen = Thumbnail(), JumpDetector(), []
    thumbnail.start(pictures[0])
    for picture, elapsed_s in zip(pictures[1:], seconds, strict=True):
        thumbnail.look(picture)
        thumbnail.compare()
        thumbnail.keep()
        jump = detector.look(thumbnail, SIZE, target, elapsed_s=elapsed_s)
        seen.append(dataclasses.replace(jump))
    return seen


def views(landscape, *corners):
    """What the camera sees at each corner (x, y) of the landscape, with noise."""
    rng = np.random.default_rng(9)
    return [
        (landscape[y : y + 256, x : x + 320] + rng.normal(0, 2, (256, 320))).astype(np.uint16)
        for x, y in corners
    ]


@pytest.mark.parametrize("step", [(25, 0), (0, -30), (-28, 14), (50, 20)])
def test_a_jerk_is_measured_within_half_a_block(landscape, step):
    here, there = (160, 128), (160 + step[0], 128 + step[1])
    still, jerk = jumps(*views(landscape, here, here, there))
    assert (still.kind, jerk.kind) == ("", "shift")
    assert (jerk.dx_px, jerk.dy_px) == pytest.approx((-step[0], -step[1]), abs=5)


def test_a_jump_to_another_place_is_a_cut(landscape):
    kinds = [jump.kind for jump in jumps(*views(landscape, (0, 0), (0, 0), (300, 250), (300, 250)))]
    assert kinds == ["", "cut", ""]


def test_a_steady_pan_is_no_jump_after_its_first_step(landscape):
    corners = [(60 + 12 * max(0, i - 4), 100) for i in range(16)]
    kinds = [jump.kind for jump in jumps(*views(landscape, *corners))]
    assert kinds[:4] == [""] * 4
    assert kinds[4] == "shift"
    assert "cut" not in kinds
    assert kinds[6:].count("") >= 8


@pytest.mark.parametrize("step", [12, 25])
def test_a_steady_pan_is_told_once_where_only_some_of_its_pictures_can_be_measured(ground, step):
    pictures = views(ground, *((step * i, 0) for i in range(120)))
    for picture in pictures:
        picture[118:138, 152:168] += 1500  # what the camera follows
    seen = jumps(*pictures, target=Box(152, 118, 16, 20))
    assert [jump.kind for jump in seen].count("shift") <= 1


def test_a_frame_lost_in_a_pan_is_no_jump(ground):
    steps = [2 if i % 7 == 3 else 1 for i in range(60)]
    corners = [(12 * x, 0) for x in np.cumsum([0, *steps])]
    seen = jumps(*views(ground, *corners), seconds=[step / 30 for step in steps])
    assert {jump.kind for jump in seen[1:]} == {""}


def test_a_jerk_in_a_pan_is_told_without_the_pan_and_the_pan_after_it_is_no_jump(landscape):
    corners = [(12 * i + (30 if i > 6 else 0), 100 + (20 if i > 6 else 0)) for i in range(14)]
    seen = jumps(*views(landscape, *corners))
    assert [i for i, jump in enumerate(seen) if jump.kind] == [0, 6]
    assert (seen[6].dx_px, seen[6].dy_px) == pytest.approx((-30, -20), abs=7)


def test_a_camera_that_shakes_is_told_by_how_much_each_time(landscape):
    corners = [(160 + shake, 128) for shake in (0, 0, 30, 0, 30, 0)]
    seen = jumps(*views(landscape, *corners))
    assert [jump.dx_px for jump in seen] == pytest.approx([0, -30, 30, -30, 30], abs=5)


def test_the_first_shift_after_many_pictures_without_one_only_tells_the_pan(landscape):
    rng = np.random.default_rng(0)
    fog = [rng.normal(3000, 5, (256, 320)).astype(np.uint16) for _ in range(8)]
    here, *pan = views(landscape, *((160 + 25 * i, 128) for i in range(4)))
    seen = jumps(here, *fog, *pan)
    assert "shift" not in [jump.kind for jump in seen]


def test_a_jerk_after_a_picture_that_could_not_be_measured_is_told(landscape):
    here, there = (160, 128), (190, 128)
    first, hidden, third, fourth, fifth = views(landscape, here, here, here, there, there)
    hidden[:128] = 3000
    kinds = [jump.kind for jump in jumps(first, hidden, third, fourth, fifth)]
    assert kinds[2:] == ["shift", ""]


def test_turning_hot_and_cold_round_is_no_jump(landscape):
    first, second, third = views(landscape, (100, 100), (100, 100), (100, 100))
    assert [jump.kind for jump in jumps(first, second, 8000 - third)] == ["", ""]


def test_a_large_target_that_vanishes_is_no_jump(landscape):
    first, second = views(landscape, (100, 100), (100, 100))
    first[60:160, 80:200] += 900
    target = Box(80, 60, 120, 100)
    assert [jump.kind for jump in jumps(first, first, second, target=target)] == ["", ""]


def test_noise_alone_never_jumps():
    rng = np.random.default_rng(0)
    sky = [rng.normal(3000, 5, (256, 320)).astype(np.uint16) for _ in range(20)]
    assert {jump.kind for jump in jumps(*sky)} == {""}


def test_an_object_that_appears_before_an_empty_sky_is_no_jump():
    rng = np.random.default_rng(0)
    sky = [rng.normal(3000, 5, (256, 320)).astype(np.uint16) for _ in range(20)]
    for picture in sky[10:]:
        picture[80:140, 100:160] += 300
    assert {jump.kind for jump in jumps(*sky)} == {""}


def test_a_tree_that_hides_the_target_is_no_jump():
    spec = dataclasses.replace(
        demo_spec(num_frames=60), occlusions=(Occlusion(frame=30, num_frames=30),)
    )
    pictures = [seen.counts.copy() for seen in Scene(spec)]
    assert {jump.kind for jump in jumps(*pictures)} == {""}


def test_a_slow_pan_is_no_cut_while_the_target_fills_the_picture(landscape):
    still = [(100, 100)] * 12
    pan = [(100 + 2 * step, 100) for step in range(1, 12)]
    whole = Box(0, 0, *SIZE)
    assert {jump.kind for jump in jumps(*views(landscape, *still, *pan), target=whole)} == {""}
