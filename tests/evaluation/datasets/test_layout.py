"""Facts about the readers' common steps."""

from dataclasses import replace
from pathlib import Path

import pytest

from thermedge.errors import DatasetError, ThermedgeError
from thermedge.evaluation.datasets import layout
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.datasets.plain import PLAIN_FORM
from thermedge.evaluation.metrics import PLAIN


def test_what_a_folder_holds_is_told_in_a_few_words(tmp_path: Path) -> None:
    assert layout.found(tmp_path) == "nothing"
    (tmp_path / "a").mkdir()
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text("")
    assert layout.found(tmp_path) == "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"


def test_the_first_name_that_exists_is_taken(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("")
    assert layout.named(tmp_path, ["a", "b"], "an a or b") == "b"
    with pytest.raises(DatasetError, match="neither c nor d; it holds b"):
        layout.named(tmp_path, ["c", "d"], "a c or d")


def test_flags_are_the_first_digits_whatever_stands_between(tmp_path: Path) -> None:
    path = tmp_path / "att.txt"
    path.write_text("1, 0\n1 2")
    assert layout.flagged(path, ("a", "b", "c")) == ("a", "c")
    assert layout.flagged(tmp_path / "none.txt", ("a",)) == ()


def test_conventions_can_be_chosen_one_by_one() -> None:
    data = DataSet(PLAIN_FORM, ())
    changed = layout.with_conventions(
        data, ["invalid_truth=hit", "bounded = true", "precision_px=5", "overlaps='matlab'"]
    )
    assert changed.layout.conventions == replace(
        PLAIN, invalid_truth="hit", bounded=True, precision_px=5.0, overlaps="matlab"
    )
    assert data.layout.conventions == PLAIN


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("bounded", "is 'bounded', expected KEY=VALUE"),
        ("bound=true", "has no key 'bound'"),
        ("bounded=yes", "bounded is 'yes', expected bool"),
        ("invalid_truth=miss", "invalid_truth is 'miss', expected one of"),
        ("precision_px=", "precision_px is '', expected float"),
        ("precision_px=inf", "precision_px is inf, expected a finite number"),
        ("precision_step_px=nan", "precision_step_px is nan, expected a finite number"),
    ],
)
def test_a_convention_that_can_not_be_is_refused(change: str, complaint: str) -> None:
    with pytest.raises(ThermedgeError, match=complaint):
        layout.with_conventions(DataSet(PLAIN_FORM, ()), [change])


def test_only_pictures_are_counted(tmp_path: Path) -> None:
    for name in ("1.JPG", "2.png", "notes.txt"):
        (tmp_path / name).write_text("")
    assert layout.num_pictures(tmp_path) == 2
    assert layout.num_pictures(tmp_path / "none") == 0
    assert layout.group_of(tmp_path / "set" / "val") == "set/val"
