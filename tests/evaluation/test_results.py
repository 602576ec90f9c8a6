"""Facts about what is kept of a run."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import results
from thermedge.evaluation.results import Result, Row
from thermedge.geometry import Box
from thermedge.runtime.track import Track

NAN = math.nan
ROWS = (
    Row(3, 1.5, 2.25, 3.0, 4.0, 1.0, 12.5, "start", "tracking"),
    Row(4, 1.5, 2.0, 3.0, 4.0, 0.25, 3.125, "failed", "lost"),
    Row(5, NAN, NAN, NAN, NAN, NAN, NAN, "skipped", ""),
)


@pytest.mark.parametrize("error", ["", "RuntimeError: it fell over"])
def test_a_result_comes_back_from_its_file(tmp_path: Path, error: str) -> None:
    path = tmp_path / "run" / "set" / "clip.csv"
    results.write(path, Result(ROWS, error, "abc"))
    read = results.read(path)
    assert repr(read) == repr(Result(ROWS, error, "abc"))  # NaN is not equal to itself


def test_an_error_of_several_lines_takes_one(tmp_path: Path) -> None:
    results.write(tmp_path / "clip.csv", Result((), "one\n# labels: two\n\nthree"))
    read = results.read(tmp_path / "clip.csv")
    assert (read.error, read.labels, read.rows) == ("one # labels: two three", "", ())


def test_a_row_of_a_track_is_in_the_labels_coordinates() -> None:
    track = Track(Box(1, 2, 3, 4), 0.5, "uncertain", 9, 0, 0, {})
    row = Row.of(7, track, 2.0, "tracked", origin_px=1.0)
    assert row == Row(7, 2, 3, 3, 4, 0.5, 2.0, "tracked", "uncertain")
    assert Row.of(7, None, NAN, "skipped").event == "skipped"


def test_a_result_knows_where_it_starts_and_what_updates_took() -> None:
    result = Result(ROWS)
    assert result.start == 3
    assert result.update_ms.tolist() == [3.125]
    np.testing.assert_array_equal(result.boxes[1], [1.5, 2, 3, 4])
    assert (Result(()).start, Result(()).boxes.shape) == (0, (0, 4))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "its header is not frame,x,y,w,h,score,ms,event,state"),
        ("1,2,3,4\n", "its header is not"),
        ("frame,x,y,w,h,score,ms,event,state\n1,2,3\n", "is damaged"),
        ("frame,x,y,w,h,score,ms,event,state\n1,2,3,4,5,6,7,won,lost\n", "an event is 'won'"),
        ("frame,x,y,w,h,score,ms,event,state\n1,2,x,4,5,6,7,held,lost\n", "is damaged"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "clip.csv").write_text(text)
    with pytest.raises(DatasetError, match=complaint):
        results.read(tmp_path / "clip.csv")


def test_a_made_result_is_what_the_other_tests_think(make_result: Callable[..., Result]) -> None:
    made = make_result([(1, 2, 3, 4), (5, 6, 7, 8)], start=2)
    assert [(row.frame, row.event) for row in made.rows] == [(2, "start"), (3, "tracked")]
