"""Facts about files of boxes: any one delimiter, and the line that does not fit is named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thermedge.errors import DatasetError
from thermedge.evaluation import box_files

numbers = st.floats(allow_infinity=False, width=32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "boxes.txt"


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=6),
    st.sampled_from([",", "\t", ";", " ", ", ", "   "]),
)
def test_boxes_come_back_whatever_the_delimiter(
    file: Path, boxes: list[tuple[float, ...]], delimiter: str
) -> None:
    lines = [delimiter.join(repr(value) for value in box) for box in boxes]
    file.write_text("\n".join(lines) + "\n\n")
    np.testing.assert_array_equal(box_files.read_boxes(file), np.array(boxes))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(file: Path) -> None:
    file.write_bytes("\ufeff1,2,3,4\r\n5,6,7,8\r\n".encode())
    assert box_files.read_boxes(file).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_an_empty_file_is_no_box(file: Path) -> None:
    file.write_text("\n")
    assert box_files.read_boxes(file).shape == (0, 4)


def test_eight_numbers_become_the_box_around_the_corners(file: Path) -> None:
    file.write_text("3,1,7,2,6,9,2,8\n")
    assert box_files.read_boxes(file).tolist() == [[2, 1, 5, 8]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1,2,3\n", "line 1 is '1,2,3', expected 4 or 8 numbers"),
        ("1,2,3,4\n1,2,3\n", "line 2 is '1,2,3', expected 4 numbers"),
        ("1,2,3,4\n1,2,3,x\n", "line 2 is '1,2,3,x', expected 4 numbers"),
        ("1,2,3,4\n\n1,2,3,4\n", "line 2 is '', expected 4 numbers"),
        ("1,2,3,4\n1\t2\t3\t4\n", "line 2 separates numbers by tabs, line 1 by commas"),
        ("1 2 3 4\n1,2,3,4\n", "line 2 separates numbers by commas, line 1 by blanks"),
        ("1,2,3,4\n1,2,3,4,1,2,3,4\n", "line 2 is '1,2,3,4,1,2,3,4', expected 4 numbers"),
        ("1,5 2,5 3,5 4,5\n", "line 1 is '1,5 2,5 3,5 4,5', expected 4 or 8 numbers"),
        (f"{'9' * 80}\n", "line 1 is '" + "9" * 57 + "...'"),
    ],
)
def test_the_line_that_does_not_fit_is_shown(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    with pytest.raises(DatasetError) as caught:
        box_files.read_boxes(file)
    assert complaint in caught.value.problem
    assert str(file) in caught.value.problem


def test_a_file_that_is_not_there_or_no_text_is_named(file: Path) -> None:
    with pytest.raises(DatasetError, match="can't be read: No such file"):
        box_files.read_boxes(file)
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DatasetError, match="is not a text file"):
        box_files.read_boxes(file)
