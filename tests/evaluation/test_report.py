"""Facts about reports."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thermedge.evaluation import plan, report, scoreboard
from thermedge.evaluation.contenders import Contender
from thermedge.evaluation.datasets.layout import DataSet
from thermedge.evaluation.datasets.plain import PLAIN_FORM
from thermedge.evaluation.document import Table, to_markdown
from thermedge.evaluation.results import Result
from thermedge.evaluation.scoreboard import Scoreboard
from thermedge.evaluation.scores import Interval
from thermedge.evaluation.sequences import Sequence

BOX, AWAY = (10.0, 10.0, 8.0, 6.0), (40.0, 30.0, 8.0, 6.0)
NAN = (math.nan,) * 4


@pytest.fixture
def board(
    make_sequence: Callable[..., Sequence], make_result: Callable[..., Result]
) -> Callable[[str], Scoreboard]:
    kept = {
        ("ours", "a"): make_result([BOX] * 4, ms=2.5),
        ("ours", "none"): make_result([]),
        ("csrt-trunc", "a"): make_result([BOX, BOX, AWAY], error="RuntimeError: a|b <c>"),
        ("csrt-trunc", "none"): make_result([]),
    }

    def board(protocol: str = "short") -> Scoreboard:
        data = DataSet(
            PLAIN_FORM,
            (
                make_sequence([BOX] * 4, name="a", attributes=("occlusion",)),
                make_sequence([BOX] * 4, name="b"),
                make_sequence([NAN], name="none"),
            ),
        )
        contenders = [Contender("ours", "ours"), Contender("csrt", "csrt-trunc")]
        built = scoreboard.build(
            [data],
            contenders,
            lambda contender, sequence: kept.get((contender.run_name, sequence.name)),
            plan.read(protocol),
            conditions={"ours": {"bundle_sha256": "abc", "machine": "a | b"}},
        )
        built.notes.append("something odd")
        return built

    return board


def test_the_markdown_tells_everything_but_the_plots(board: Callable[..., Scoreboard]) -> None:
    text = to_markdown(report.report(board()))
    for piece in (
        "Protocol short v1: one pass over the first 300 frames.",
        "| ours | 0.952 [0.952, 0.952] |",
        "| csrt (csrt-trunc) |",
        "precision @20 px",
        "- clips of ours: 1, 1 missing",
        "- clips of csrt (csrt-trunc): 1, 1 threw, 1 missing",
        "| occlusion | 1 | 0.952 [0.952, 0.952] |",
        "| b | 4 | missing | missing |",
        "| none | 1 | unlabelled | unlabelled |",
        "### made/up: where the score is lost",
        "| ours | 0.952 | 0.0% | 0.952 | 0.952 | 0.952 |",
        "| csrt (csrt-trunc) | 0.476 | 50.0% |",
        ", threw |",
        "- made/up/a: csrt: RuntimeError: a|b <c>",
        "- made/up: 1 of 3 sequences without any label",
        "- something odd",
        "| bundle_sha256 | abc |",
        r"| machine | a \| b |",
        "conventions: first_frame=replaced",
    ):
        assert piece in text, piece


def test_what_is_unknown_of_a_score_is_a_dash(board: Callable[..., Scoreboard]) -> None:
    built = board()
    ours, csrt = built.groups[0].standings
    unknown = dict.fromkeys(ours.average.what_if, math.nan)
    ours = replace(ours, average=replace(ours.average, what_if=unknown))
    group = replace(built.groups[0], standings=[ours, csrt])
    text = to_markdown(report.report(replace(built, groups=[group])))
    assert "| ours | 0.952 | - | - | - | - |" in text
    assert "nan" not in text


def test_the_files_are_written_with_plots_in_the_html(
    board: Callable[..., Scoreboard], tmp_path: Path
) -> None:
    paths = report.write(board(), tmp_path)
    assert [path.name for path in paths] == ["report.md", "report.html", "scores.json"]
    html = paths[1].read_text()
    assert html.count("<svg") == 3
    for title in ("Success, made/up", "Precision, made/up", "Normalised precision, made/up"):
        assert title in html
    assert "a|b &lt;c&gt;" in html
    assert html.count("http") == 3  # the name space of SVG, nothing to fetch


def test_the_json_holds_the_same_numbers(board: Callable[..., Scoreboard]) -> None:
    values = json.loads(report.to_json(board()))
    ours, csrt = values["groups"][0]["trackers"]
    assert ours["measures"]["success_auc"]["mean"] == pytest.approx(20 / 21)
    assert ours["update_ms"] == 2.5
    assert ours["what_if"]["no_overlap"] == 0
    assert csrt["what_if"]["no_overlap"] == 0.5
    assert csrt["update_ms"] is None
    assert ours["sequences"]["none"]["success_auc"] is None
    assert len(ours["curves"]["success"]) == 21
    assert csrt["to_the_first"]["mean"] < 0
    assert values["errors"] == ["made/up/a: csrt: RuntimeError: a|b <c>"]
    assert values["protocol"]["max_frames"] == 300


def test_a_report_of_resets_has_accuracy_failures_and_no_plots(
    board: Callable[..., Scoreboard], tmp_path: Path
) -> None:
    built = board("vot_reset")
    text = to_markdown(report.report(built))
    low, high = built.groups[0].lengths or (0, 0)
    assert f"| EAO {low}-{high} |" in text
    assert 2 <= low <= high <= 4
    assert "/ 0 failures" in text
    assert "where the score is lost" not in text
    assert "<svg" not in report.write(built, tmp_path)[1].read_text()


def test_the_brief_table_fits_a_terminal(board: Callable[..., Scoreboard]) -> None:
    table = report.brief(board().groups[0])
    assert isinstance(table, Table)
    assert table.header == [
        "tracker", "success AUC", "precision @20 px", "norm. precision @0.2",
        "clips", "update ms",
    ]  # fmt: skip
    assert table.rows[0][-2:] == ["1, 1 missing", "2.50"]
    assert table.rows[1][-1] == "-"


def test_scores_over_two_truths_have_their_names(board: Callable[..., Scoreboard]) -> None:
    (group,) = board().groups
    paired = [replace(one, second_truth=one.truth) for one in group.data.sequences]
    both = replace(group, data=replace(group.data, sequences=tuple(paired)))
    assert report.summary(both).header[1:3] == ["MSR", "MPR @20 px"]


def test_intervals_are_shown_with_three_decimals() -> None:
    assert report.shown(Interval(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
    assert report.shown(Interval(0.5, -0.25, 0.75), signed=True) == "+0.500 [-0.250, +0.750]"
    assert report.shown(Interval(math.nan, math.nan, math.nan)) == "-"
    assert report.shown(None) == "-"
