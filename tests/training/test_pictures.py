"""Facts about reading labelled pictures."""

import csv
import os

import cv2
import numpy as np
import pytest

from thermedge.errors import DatasetError, RecipeError
from thermedge.runtime.scene import Scene
from thermedge.runtime.scene_outlines import KINDS
from thermedge.training.pictures import (
    from_pairs,
    from_scenes,
    from_sequences,
    from_stills,
    scene,
)

NAN = float("nan")


def grey(count, shape=(48, 64)):
    return [np.full(shape, 10 * number + 5, np.uint8) for number in range(count)]


def read(items):
    return [(picture.copy(), boxes) for picture, boxes in items]


# --- clips ---


def test_every_labelled_frame_of_every_clip_comes_with_its_box(tmp_path, write_clip):
    boxes = [(1, 2, 10, 12), (NAN,) * 4, (3, 4, 10, 12), (5, 6, 2.5, 12)]
    write_clip(tmp_path / "b", grey(4), boxes)
    write_clip(tmp_path / "a", grey(1), [(7, 7, 7, 7)])

    came = read(from_sequences(tmp_path, 1))

    assert [labels for _, labels in came] == [
        [("a", (7, 7, 7, 7))],
        [("b", (1, 2, 10, 12))],
        [("b", (3, 4, 10, 12))],  # frame 1 has no label, in frame 3 the target is a speck
    ]
    assert [int(picture[0, 0]) for picture, _ in came] == [5, 5, 25]
    assert came[0][0].dtype == np.uint8


def test_every_nth_frame_is_counted_from_the_first(tmp_path, write_clip):
    write_clip(tmp_path / "a", grey(7), [(i, 0, 9, 9) for i in range(7)])
    assert [labels[0][1][0] for _, labels in from_sequences(tmp_path, 3)] == [0, 3, 6]


def test_frames_after_the_last_label_are_left_out(tmp_path, write_clip):
    write_clip(tmp_path / "a", grey(5), [(0, 0, 9, 9)] * 2)
    assert len(read(from_sequences(tmp_path, 1))) == 2


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="holds no clip"):
        list(from_sequences(tmp_path, 1))


@pytest.mark.parametrize(("videos", "came"), [([], "none"), (["avi", "mkv"], "video.avi, video.m")])
def test_a_clip_needs_exactly_one_video(tmp_path, videos, came):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "groundtruth.txt").write_text("1,1,9,9\n")
    for suffix in videos:
        (tmp_path / "a" / f"video.{suffix}").touch()
    with pytest.raises(RecipeError, match=f"a must hold one video .* holds {came}"):
        list(from_sequences(tmp_path, 1))


def test_a_line_that_is_no_box_is_named(tmp_path, write_clip):
    write_clip(tmp_path / "a", grey(2), [(0, 0, 9, 9)] * 2)
    (tmp_path / "a" / "groundtruth.txt").write_text("0,0,9,9\n0,zero,9,9\n")
    with pytest.raises(DatasetError, match="line 2"):
        list(from_sequences(tmp_path, 1))


def test_wide_counts_are_refused_instead_of_cut(tmp_path, write_clip):
    write_clip(tmp_path / "a", [np.full((48, 64), 3000, np.uint16)], [(0, 0, 9, 9)])
    with pytest.raises(RecipeError, match="16-bit counts, expected 8 bits"):
        list(from_sequences(tmp_path, 1))


# --- stills ---


@pytest.fixture
def stills(tmp_path):
    """Return a function that writes stills and their boxes, and gives back the folder."""

    def write(pictures, rows):
        (tmp_path / "images").mkdir(exist_ok=True)
        for name, picture in pictures.items():
            cv2.imwrite(str(tmp_path / "images" / name), picture)
        with (tmp_path / "boxes.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["image", "category", "x", "y", "w", "h"])
            table.writerows(rows)
        return tmp_path

    return write


def landscape(seed=0):
    """Ground to fly over, 300 x 400 px."""
    noise = np.random.default_rng(seed).uniform(0, 255, (300, 400)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def keys_of(folder):
    return [[key for key, _ in boxes] for _, boxes in from_stills(folder)]


def test_a_target_keeps_its_key_when_the_camera_has_moved(stills):
    ground = landscape()
    folder = stills(
        {"hill_007.png": ground[50:250, 50:350], "hill_008.png": ground[62:262, 75:375]},
        [
            ("hill_007.png", "Car", 100, 80, 20, 12),
            ("hill_007.png", "Car", 140, 80, 20, 12),
            # 25 px to the right and 12 down: everything is as much to the left and above.
            ("hill_008.png", "Car", 115, 68, 20, 12),
            ("hill_008.png", "Car", 75, 68, 20, 12),
            ("hill_008.png", "Car", 250, 150, 20, 12),  # another one
        ],
    )
    (left, right), (right_again, left_again, other) = keys_of(folder)
    assert (left_again, right_again) == (left, right)
    assert len({left, right, other}) == 3


@pytest.mark.parametrize(
    ("second", "box"),
    [
        ("hill_010.png", ("Car", 75, 68, 20, 12)),  # three numbers apart
        ("dale_008.png", ("Car", 75, 68, 20, 12)),  # another flight
        ("hill_008.png", ("Person", 75, 68, 20, 12)),  # another class
        ("hill_008.png", ("Car", 75, 68, 40, 24)),  # another size
        ("hill_008.png", ("Car", 105, 68, 20, 12)),  # another place
    ],
)
def test_what_is_not_surely_the_same_target_gets_a_key_of_its_own(stills, second, box):
    ground = landscape()
    folder = stills(
        {"hill_007.png": ground[50:250, 50:350], second: ground[62:262, 75:375]},
        [("hill_007.png", "Car", 100, 80, 20, 12), (second, *box)],
    )
    keys = [key for still in keys_of(folder) for key in still]
    assert len(set(keys)) == 2


def test_neighbours_that_show_different_ground_are_not_matched(stills):
    folder = stills(
        {"hill_007.png": landscape(1)[:200, :300], "hill_008.png": landscape(2)[:200, :300]},
        [("hill_007.png", "Car", 100, 80, 20, 12), ("hill_008.png", "Car", 100, 80, 20, 12)],
    )
    (first,), (second,) = keys_of(folder)
    assert first != second


def test_stills_come_as_grey_pictures_in_the_order_of_the_flight(stills):
    folder = stills(
        {"a_10.png": np.full((40, 50), 10, np.uint8), "a_9.png": np.full((40, 50, 3), 9, np.uint8)},
        [("a_10.png", "Car", 1, 2, 10, 8.5), ("a_9.png", "Car", 1, 2, 2, 10)],
    )
    came = read(from_stills(folder))
    assert [int(picture[0, 0]) for picture, _ in came] == [9, 10]
    assert {picture.shape for picture, _ in came} == {(40, 50)}
    assert [[box for _, box in boxes] for _, boxes in came] == [[], [(1.0, 2.0, 10.0, 8.5)]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "boxes.csv can't be read"),
        ("image,category,x,y,w\na_1.png,Car,1,2,3\n", "can't be read: 'h'"),
        ("image,category,x,y,w,h\na_1.png,Car,1,2,three,4\n", "three"),
        ("image,category,x,y,w,h\na_1.png,Car,1,2,3\n", "a_1.png has the box 1,2,3,nan"),
        ("image,category,x,y,w,h\na_1.png,Car,1,2,0,4\n", "a_1.png has the box 1,2,0,4"),
        ("image,category,x,y,w,h\nhill.png,Car,1,2,3,4\n", "'hill.png' has no frame number"),
        ("image,category,x,y,w,h\na_1.png,Car,1,2,3,4\n", "a_1.png is not a readable picture"),
    ],
)
def test_a_wrong_table_is_explained(tmp_path, content, problem):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a_1.png").write_bytes(b"no picture")
    if content is not None:
        (tmp_path / "boxes.csv").write_text(content)
    with pytest.raises(RecipeError, match=problem):
        list(from_stills(tmp_path))


def test_a_still_whose_name_is_not_utf_8_is_an_error_and_no_crash(tmp_path):
    folder = tmp_path / os.fsdecode(b"w\xe4rme")
    (folder / "images").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "a_1.png"), np.zeros((32, 32), np.uint8))
    (tmp_path / "a_1.png").rename(folder / "images" / "a_1.png")
    (folder / "boxes.csv").write_text("image,category,x,y,w,h\na_1.png,Car,1,2,8,8\n")
    with pytest.raises(RecipeError, match="has a name that is not UTF-8"):
        list(from_stills(folder))


# --- scenes ---


def test_generated_scenes_come_as_8_bit_pictures_with_the_target_in_the_frame():
    came = read(from_scenes(2, 3))
    assert {labels[0][0] for _, labels in came} <= {"scene0", "scene1"}
    assert len(came) >= 3
    for picture, [(_, (x, y, w, h))] in came:
        assert picture.dtype == np.uint8
        assert np.ptp(picture) > 50
        height, width = picture.shape
        assert -w < x < width
        assert -h < y < height
        assert min(w, h) >= 3


def test_generated_scenes_are_those_that_tests_can_ask_for():
    assert [scene(number, 3).kind for number in range(len(KINDS) + 1)] == [*KINDS, KINDS[0]]
    expected = [
        (f"scene{number}", tuple(shot.box))
        for number in range(3)
        for shot in Scene(scene(number, 3))
    ]
    assert [box for _, boxes in read(from_scenes(3, 3)) for box in boxes] == expected


def test_generated_scenes_are_the_same_every_time():
    for one, two in zip(read(from_scenes(1, 2)), read(from_scenes(1, 2)), strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        assert one[1] == two[1]


# --- pairs ---


@pytest.fixture
def road(tmp_path):
    """Two pairs of stills: dark ground with a bright texture, thermal and in colour."""
    rng = np.random.default_rng(0)
    for number, shape in enumerate([(60, 80), (70, 90)]):
        thermal = np.full(shape, 20, np.uint8)
        thermal[20:50, 30:60] = rng.integers(20, 255, (30, 30))
        visible = np.zeros((*shape, 3), np.uint8)
        visible[..., 2] = thermal  # red
        for name, picture in (("thermal", thermal), ("visible", visible)):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), picture)
    return tmp_path


def test_pairs_come_as_two_grey_planes_with_targets_where_texture_is(road):
    came = read(from_pairs(road))
    assert [both.shape for both, _ in came] == [(2, 60, 80), (2, 70, 90)]
    for both, labels in came:
        thermal, visible = both.astype(int)
        assert np.abs(visible - 0.299 * thermal).max() <= 1  # ITU-R BT.601
        height, width = thermal.shape
        spread = []
        for _, (x, y, w, h) in labels:
            assert 0 <= x <= width - w
            assert 0 <= y <= height - h
            spread.append(thermal[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1].std())
        assert min(spread) > 20
    keys = [key for _, labels in came for key, _ in labels]
    assert len(set(keys)) == len(keys) >= 8


def test_pairs_have_the_same_targets_every_time(road):
    assert [labels for _, labels in read(from_pairs(road))] == [
        labels for _, labels in read(from_pairs(road))
    ]


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda road: (road / "visible/1.png").unlink(), "1.png is in one of"),
        (lambda road: (road / "visible/1.png").write_bytes(b"x"), "1.png is not a readable"),
        (
            lambda road: cv2.imwrite(str(road / "visible/1.png"), np.zeros((9, 9), np.uint8)),
            r"1.png differ in size: thermal \(90, 70\) px, visible \(9, 9\) px",
        ),
        (lambda road: (road / "visible").rename(road / "light"), "visible can't be read"),
    ],
)
def test_a_pair_that_is_none_is_named(road, harm, problem):
    harm(road)
    with pytest.raises(RecipeError, match=problem):
        list(from_pairs(road))
