"""Facts about the scoreboard."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thermedge.errors import DatasetError
from thermedge.evaluation import plan, scoreboard
from thermedge.evaluation.contenders import Contender
from thermedge.evaluation.datasets.got10k import GOT10K
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.datasets.plain import PLAIN_FORM
from thermedge.evaluation.foreign import Foreign
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence

SHORT = plan.read("short")
BOX, HALF, AWAY = (10.0, 10.0, 8.0, 6.0), (14.0, 10.0, 8.0, 6.0), (40.0, 30.0, 8.0, 6.0)
OURS, ROUND, TRUNC = (
    Contender("ours", "ours"), Contender("csrt", "csrt-round"), Contender("csrt", "csrt-trunc"),
)  # fmt: skip
CONTENDERS = [OURS, ROUND, TRUNC]


@pytest.fixture
def data(make_sequence: Callable[..., Sequence]) -> DataSet:
    return DataSet(
        PLAIN_FORM,
        (
            make_sequence([BOX] * 4, name="a", attributes=("occlusion", "fast motion")),
            make_sequence([BOX] * 4, name="b", attributes=("occlusion",)),
            make_sequence([(math.nan,) * 4] * 4, name="c"),
        ),
    )


@pytest.fixture
def kept(make_result: Callable[..., Result]) -> dict[tuple[str, str], Result]:
    nothing = make_result([])
    return {
        ("ours", "a"): make_result([BOX] * 4),
        ("ours", "b"): make_result([BOX, BOX, BOX, AWAY]),
        ("ours", "c"): nothing,
        ("csrt-round", "a"): make_result([BOX, HALF, HALF, HALF]),
        ("csrt-round", "b"): make_result([BOX] * 4),
        ("csrt-trunc", "a"): make_result([BOX, AWAY, AWAY, AWAY]),
        ("csrt-trunc", "b"): make_result([BOX, BOX], error="RuntimeError: no"),
    }


@pytest.fixture
def build(data: DataSet, kept: dict[tuple[str, str], Result]) -> Callable[..., Any]:
    def build(contenders: list[Contender] = CONTENDERS, **options: Any) -> Any:
        return scoreboard.build(
            [data],
            contenders,
            lambda contender, sequence: kept.get((contender.run_name, sequence.name)),
            options.pop("plan", SHORT),
            **options,
        )

    return build


def test_a_row_of_several_runs_is_the_better_one(build: Any) -> None:
    ours, csrt = build().groups[0].standings
    assert (ours.average.contender, ours.run_name) == ("ours", "ours")
    assert (csrt.average.contender, csrt.run_name) == ("csrt", "csrt-round")


def test_what_is_missing_unlabelled_or_broken_is_counted(build: Any) -> None:
    board = build([OURS, TRUNC])
    (group,) = board.groups
    ours, csrt = group.standings
    assert group.num_unlabelled == 1
    assert (ours.average.num_scored, ours.num_missing) == (2, 0)
    assert (csrt.average.num_scored, csrt.average.num_failed, csrt.num_missing) == (2, 1, 1)
    assert board.errors == ["made/up/b: csrt: RuntimeError: no"]


def test_everybody_is_compared_with_the_first_sequence_by_sequence(build: Any) -> None:
    ours, csrt = build().groups[0].standings
    auc = {name: score.measures["success_auc"] for name, score in csrt.scores.items()}
    first = {name: score.measures["success_auc"] for name, score in ours.scores.items()}
    assert ours.ahead is None
    assert csrt.ahead is not None
    expected = (auc["a"] - first["a"] + auc["b"] - first["b"]) / 2
    assert csrt.ahead.mean == pytest.approx(expected)


def test_attributes_have_averages_of_their_own(build: Any) -> None:
    ours = build().groups[0].standings[0]
    assert list(ours.by_attribute) == ["fast motion", "occlusion"]
    assert ours.by_attribute["fast motion"].num_scored == 1
    assert ours.by_attribute["occlusion"].num_scored == 2
    assert ours.by_attribute["fast motion"].measures["average_overlap"].mean == 1


def test_a_recording_that_ends_before_its_labels_is_noted_once(
    build: Any, kept: dict[tuple[str, str], Result], make_result: Callable[..., Result]
) -> None:
    kept["ours", "a"] = kept["csrt-round", "a"] = make_result([BOX] * 3)
    board = build()
    assert board.notes == [
        "made/up/a: the recording ends 1 frames before its labels, which are not scored",
        "made/up: 1 of 3 sequences without any label",
    ]
    short = replace(SHORT, max_frames=2)
    kept["ours", "a"] = make_result([BOX] * 2)
    kept["ours", "b"] = make_result([BOX] * 2)
    assert build([OURS], plan=short).notes == ["made/up: 1 of 3 sequences without any label"]


def test_runs_too_short_for_the_protocols_eao_are_noted(build: Any) -> None:
    short = replace(plan.read("vot2016_reset"), max_frames=3)
    board = build([OURS], plan=short)
    assert "made/up: no EAO, which needs runs of 371 frames: they end after 3" in board.notes
    (ours,) = board.groups[0].standings
    assert set(ours.average.measures) == {"accuracy", "failures"}
    assert not build([OURS], plan=replace(short, max_frames=371)).notes[1:]


def test_results_of_other_toolkits_stand_beside_ours(build: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("10,10,8,6\n" * 5)
    board = build([OURS], foreign=[Foreign("dimp", tmp_path)])
    ours, dimp = board.groups[0].standings
    assert (dimp.average.contender, dimp.average.num_scored, dimp.num_missing) == ("dimp", 1, 2)
    assert dimp.average.measures["average_overlap"].mean == 1
    assert any("has 5 boxes for 4 frames" in note for note in board.notes)
    assert "dimp has no result of b" in board.notes


def test_foreign_results_are_cut_to_the_protocols_frames(build: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("10,10,8,6\n" * 2 + "40,30,8,6\n" * 2)
    short = replace(SHORT, max_frames=2)
    board = build([], foreign=[Foreign("dimp", tmp_path)], plan=short)
    assert board.groups[0].standings[0].average.measures["average_overlap"].mean == 1


@pytest.mark.parametrize(("text", "name"), [("1\n2\n0\n0\n", "short"), ("1,1,1,1\n", "vot_reset")])
def test_foreign_results_of_another_kind_of_protocol_are_refused(
    build: Any, tmp_path: Path, text: str, name: str
) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DatasetError, match="dimp's result of a is of") as caught:
        build([], foreign=[Foreign("dimp", tmp_path)], plan=plan.read(name))
    assert "--protocol" in caught.value.remedy


def test_got10k_is_led_by_ao_and_vot_by_eao(
    data: DataSet, make_result: Callable[..., Result]
) -> None:
    sized = tuple(replace(sequence, frame_px=(64, 48)) for sequence in data.sequences)
    got = DataSet(GOT10K, sized)
    result = make_result([BOX] * 4)
    pick = lambda contender, sequence: result if sequence.name != "c" else None  # noqa: E731
    assert scoreboard.build([got], [OURS], pick, SHORT).groups[0].headline == "average_overlap"
    board = scoreboard.build([data], [OURS], pick, plan.read("vot_reset"))
    assert board.groups[0].headline == "eao"
    assert board.groups[0].standings[0].average.measures["eao"].mean == 1
    assert not np.isnan(board.groups[0].standings[0].average.measures["failures"].mean)


def test_the_lead_over_each_other_tracker_is_taken_over_all_clips_together(build: Any) -> None:
    (group,) = build().groups
    ((name, (lead, clips)),) = scoreboard.leads([group]).items()
    assert (name, clips) == ("csrt", 2)
    assert lead.mean == pytest.approx(-group.standings[1].ahead.mean)
    ((_, (same, twice)),) = scoreboard.leads([group, replace(group, name="again")]).items()
    assert (twice, same.mean) == (4, pytest.approx(lead.mean))
    assert scoreboard.leads([group, replace(group, headline="average_overlap")]) == {}
