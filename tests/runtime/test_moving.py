"""Facts about finding what moves against the scene."""

import cv2
import numpy as np
import pytest

from thermedge.frame import Frame
from thermedge.runtime.moving import Moving

RNG = np.random.default_rng(7)
WORLD = cv2.GaussianBlur(RNG.normal(0, 900, (400, 600)).astype(np.float32), (0, 0), 3) + 8000


def look_at(*, target=True, pan=(0.0, 0.0), speed=(3.0, 1.0), count=60, contrast=250.0, rate=30):
    """All findings over a scene that the camera pans over, px per frame; and the truths."""
    moving, found = Moving(), []
    rng = np.random.default_rng(8)
    for index in range(count):
        shift = np.array([[1, 0, -100 - pan[0] * index], [0, 1, -80 - pan[1] * index]])
        counts = cv2.warpAffine(WORLD, shift, (200, 160)) + rng.normal(0, 3, (160, 200))
        cx, cy = 40 + speed[0] * index, 60 + speed[1] * index
        if target:
            y, x = np.mgrid[0:160, 0:200]
            counts += contrast * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 18)
        finding = moving.look(Frame(counts.astype(np.uint16), index, round(index * 1e9 / rate)))
        found.append((finding, cx, cy))
    return found


def sure(found):
    return [
        (finding.box.center, (cx, cy))
        for finding, cx, cy in found
        if finding is not None and finding.strength >= 6 and finding.dominance >= 1.3
    ]


@pytest.mark.parametrize("pan", [(0.0, 0.0), (0.4, 0.0), (-0.7, 0.3)])
@pytest.mark.parametrize("contrast", [250.0, -250.0])
def test_what_moves_is_found_under_a_camera_at_rest_and_one_that_pans(pan, contrast):
    found = sure(look_at(pan=pan, contrast=contrast, speed=(1.6, 0.6)))
    assert len(found) > 10
    away = [np.hypot(box[0] - at[0], box[1] - at[1]) for box, at in found]
    assert np.mean(np.array(away) < 4) > 0.9


def test_a_scene_at_rest_has_nothing_that_moves():
    assert not sure(look_at(target=False))


def test_a_target_at_rest_does_not_move():
    assert not sure(look_at(speed=(0.0, 0.0)))


def test_a_camera_that_pans_over_a_scene_at_rest_sees_nothing_move():
    assert not sure(look_at(target=False, pan=(0.6, 0.2)))


def test_before_there_is_a_background_nothing_is_said():
    found = look_at(count=22)
    assert all(finding is None for finding, _, _ in found)


def test_another_size_of_frames_begins_anew():
    moving = Moving()
    for index in range(40):
        counts = RNG.integers(0, 99, (96, 128) if index < 39 else (64, 64), np.uint8)
        finding = moving.look(Frame(counts, index, index * 10**8, 8))
    assert finding is None


def test_a_background_without_any_noise_is_one_to_move_against():
    moving, found = Moving(), []
    background = np.full((160, 200), 90, np.uint8)
    for x, y in RNG.integers(0, 140, (12, 2)):
        background[y : y + 9, x + 20 : x + 33] = 140
    for index in range(60):
        counts, x = background.copy(), 30 + 2 * index
        counts[78:82, x : x + 4] = 200
        finding = moving.look(Frame(counts, index, round(index * 1e9 / 30), 8))
        found.append((finding, x + 2, 80))
    away = [np.hypot(box[0] - at[0], box[1] - at[1]) for box, at in sure(found)]
    assert len(away) > 5
    assert np.mean(np.array(away) < 4) > 0.8
