"""Facts about what scores are worth: the fit, its check on other clips, and a bundle with it."""

import json
from dataclasses import replace
from itertools import combinations, pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main
from thermedge.errors import DatasetError
from thermedge.evaluation.results import Result, Row
from thermedge.evaluation.sequences import Recording, Sequence
from thermedge.export import accuracy, confidence, copies
from thermedge.export.confidence import Seen
from thermedge.runtime.scene import random_spec
from thermedge.runtime.sources.synthetic import SyntheticSource

MOST = 7  # values: the brute force tries every way to part them


def nearest_ascending(values, weights):
    """Return the best of all ascending step functions, found by trying every partition."""
    best, least = None, np.inf
    count = len(values)
    for parts in range(count):
        for cuts in combinations(range(1, count), parts):
            edges = [0, *cuts, count]
            fit = np.empty(count)
            for low, high in pairwise(edges):
                fit[low:high] = np.average(values[low:high], weights=weights[low:high])
            cost = float((weights * (values - fit) ** 2).sum())
            if (np.diff(fit) >= 0).all() and cost < least:
                best, least = fit, cost
    return best


@given(
    st.lists(
        st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.integers(1, 5)),
        min_size=1,
        max_size=MOST,
    )
)
def test_pooling_finds_the_best_ascending_fit(pairs):
    values, weights = np.array(pairs, np.float64).T
    found = confidence.isotonic(values, weights)
    assert found == pytest.approx(nearest_ascending(values, weights), abs=1e-9)


frames = st.lists(
    st.tuples(st.floats(0, 1, width=16), st.booleans()), min_size=1, max_size=300
).map(lambda pairs: tuple(np.array(column) for column in zip(*pairs, strict=True)))


@settings(max_examples=50)
@given(frames)
def test_knots_are_few_and_ascend_between_the_scores_that_were_seen(pairs):
    score, right = pairs[0].astype(np.float64), pairs[1].astype(bool)
    knots = confidence.knots_of(score, right)
    assert 1 <= len(knots) <= confidence.MOST_KNOTS
    places, chances = np.array(knots).T
    assert (np.diff(places) > 0).all()
    assert (np.diff(chances) > 0).all()
    assert score.min() <= places[0] <= places[-1] <= score.max()
    assert 0 < chances[0] <= chances[-1] < 1  # no count makes anything certain


def test_knots_say_what_was_counted_and_no_more():
    score, right = np.repeat([0.2, 0.4, 0.8], [8, 10, 8]), np.ones(26, bool)
    right[:8], right[8:13] = False, False
    knots = confidence.knots_of(score, right)
    assert [place for place, _ in knots] == pytest.approx([0.2, 0.4, 0.8])
    assert [chance for _, chance in knots] == pytest.approx([1 / 9, 1 / 2, 8 / 9])


def seen_of(score, right, clip, *, group="one"):
    return Seen(score, right, clip, np.broadcast_to(group, len(score)), np.zeros(0, bool))


def seen_by(chance_of, *, clips=8, each=300):
    """Frames of a tracker whose boxes are right with the probability `chance_of(score)`."""
    rng = np.random.default_rng(3)
    score = rng.uniform(0.1, 0.9, clips * each)
    right = rng.random(len(score)) < chance_of(score)
    return seen_of(score, right, np.repeat(np.arange(clips), each))


def errors(seen):
    held_out = confidence.cross_validated(seen)
    return tuple(
        confidence.calibration_error(seen.score, values, seen.right)
        for values in (seen.score, held_out)
    )


def test_a_score_of_a_wrong_scale_is_put_right_on_clips_that_were_not_seen():
    before, after = errors(seen_by(lambda score: 0.5 + 0.5 * score))
    assert before > 0.2
    assert after < 0.05


def test_a_score_that_is_a_probability_already_is_hardly_changed():
    before, after = errors(seen_by(lambda score: score))
    assert before < 0.04
    assert after < before + 0.02


def test_the_knots_come_near_the_probability_that_made_the_data():
    seen = seen_by(np.square, clips=20, each=1000)
    knots = confidence.knots_of(seen.score, seen.right)
    asked = np.linspace(0.2, 0.8, 7)
    assert confidence.probabilities(knots, asked) == pytest.approx(asked**2, abs=0.06)


def test_a_clip_is_never_judged_by_knots_of_itself():
    # One clip contradicts all others: what it teaches must not show in its own probabilities.
    score = np.tile(np.linspace(0, 1, 50), 4)
    clip = np.repeat(np.arange(4), 50)
    seen = seen_of(score, clip != 2, clip)
    held_out = confidence.cross_validated(seen)
    assert (held_out[clip == 2] > 0.98).all()
    assert (held_out[clip == 0] < 0.7).any()


def test_one_clip_alone_can_not_be_checked():
    with pytest.raises(DatasetError, match="Only one recording"):
        confidence.cross_validated(seen_of(np.ones(5), np.ones(5, bool), np.ones(5, int)))


def test_two_clips_check_each_other_whatever_their_numbers():
    clip = np.repeat([0, confidence.FOLDS], 50)  # those between had no frame to learn from
    seen = seen_of(np.tile(np.linspace(0, 1, 50), 2), clip == 0, clip)
    held_out = confidence.cross_validated(seen)
    assert (held_out[clip == 0] < 0.05).all()
    assert (held_out[clip != 0] > 0.95).all()


def test_a_data_set_that_is_unlike_the_others_shows_as_a_large_error_of_its_own():
    like = seen_by(lambda score: score)
    group = np.where(like.clip < 4, "a", "b")
    alike = list(confidence.elsewhere(replace(like, group=group)))
    assert [one.group for one in alike] == ["a", "b"]
    assert all(one.error_after < 0.08 for one in alike)
    turned = replace(like, group=group, right=np.where(group == "a", like.right, ~like.right))
    assert all(one.error_after > 0.2 for one in confidence.elsewhere(turned))


def test_one_data_set_alone_says_nothing_about_others():
    seen = seen_by(lambda score: score)
    assert not list(confidence.elsewhere(seen))


def test_bins_hold_equally_many_frames_and_all_of_them():
    seen = seen_by(lambda score: score, clips=1, each=1003)
    bins = list(confidence.reliability(seen.score, seen.score, seen.right))
    assert sum(one.frames for one in bins) == 1003
    assert {one.frames for one in bins} == {100, 101}
    assert all(one.high <= after.low for one, after in pairwise(bins))


def clip_with(rows, truth, *, absent=None, name="clip"):
    truth = np.array(truth, np.float64)
    flags = None if absent is None else np.array(absent)
    return Sequence(name, "test", Recording(find("default")), truth, absent=flags), Result(
        tuple(rows)
    )


def row(frame, box, state, *, score=0.5, event="tracked"):
    return Row(frame, *box, score, 1.0, event, state)


def test_only_measured_boxes_with_a_label_teach_what_a_score_is_worth():
    here, away, none = (10, 10, 20, 20), (60, 60, 20, 20), (np.nan,) * 4
    rows = [
        row(0, here, "tracking", event="start"),
        row(1, here, "tracking", score=0.9),
        row(2, away, "uncertain", score=0.4),
        row(3, here, "reacquired", score=0.6),  # unlabelled
        row(4, here, "tracking", score=0.7),  # the label says: no target
        row(5, here, "coasting"),
        row(6, away, "coasting"),
        row(7, here, "lost"),
    ]
    truth = [here, here, here, none, none, here, here, here]
    absent = [frame == 4 for frame in range(8)]
    seen = confidence.collect([clip_with(rows, truth, absent=absent)])
    assert seen.score.tolist() == [0.9, 0.4, 0.7]
    assert seen.right.tolist() == [True, False, False]
    assert seen.group.tolist() == ["test"] * 3
    assert seen.coasting.tolist() == [True, False]


def test_the_order_in_which_clips_are_done_makes_no_difference():
    here = (10, 10, 20, 20)
    runs = [
        clip_with([row(0, here, "tracking", score=score)], [here], name=name)
        for name, score in (("b", 0.2), ("a", 0.1), ("c", 0.3))
    ]
    for order in (runs, runs[::-1]):
        assert confidence.collect(order).score.tolist() == [0.1, 0.2, 0.3]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two generated clips of 64 frames, labelled."""
    folder = tmp_path_factory.mktemp("confidence") / "clips"
    for seed in (40, 41):
        place = folder / f"scene{seed}"
        place.mkdir(parents=True)
        with SyntheticSource(random_spec(seed, num_frames=64)) as source:
            for frame in source:
                cv2.imwrite(str(place / f"{frame.index:04d}.png"), frame.counts)
            lines = [",".join(f"{value:.2f}" for value in box) for box in source.truths]
        (place / "groundtruth.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def made(clips):
    out = clips.parent / "sure"
    assert main(["export", "default", "-o", str(out), "--confidence", str(clips)]) == 0
    return bundle.read(out)


def test_a_bundle_learns_its_confidence_and_keeps_every_graph(made):
    before = bundle.read(find("default"))
    spec = made.manifest.confidence
    assert (spec.clips, spec.source.split(";")[0].split()[0]) == (2, "2")
    assert spec.frames > 100
    assert 0 <= spec.error_after <= 1
    assert {*before.manifest.files} == {*made.manifest.files}
    for name in before.manifest.files:
        if name != bundle.MODEL_CARD:
            assert made.path(name).read_bytes() == before.path(name).read_bytes()
    unlike = replace(made.manifest, name="", files={}, confidence=None)
    assert unlike == replace(before.manifest, name="", files={}, confidence=None)


def test_its_card_tells_the_accuracy_of_the_clips_that_were_followed(made, clips):
    card = made.path(bundle.MODEL_CARD).read_text()
    (line,) = [line for line in card.splitlines() if line.startswith("| confidence")]
    _, group, count, mean, interval, _ = [cell.strip() for cell in line.split("|")]
    found = accuracy.measure(made.folder, confidence.read_clips([clips]), made.manifest.precision)
    assert (group, count, mean) == (
        f"{clips.parent.name}/clips",
        "2",
        f"{accuracy.mean(found):.3f}",
    )
    low, high = map(float, interval.split(" to "))
    assert low <= float(mean) <= high
    assert card.index("## Accuracy") < card.index("## Confidence")


def test_accuracy_is_told_by_data_set_and_of_those_with_a_label_alone():
    here, far, none = (10, 10, 20, 20), (60, 60, 20, 20), (np.nan,) * 4

    def run(group, box, label):
        rows = [row(0, here, "tracking", event="start"), row(1, box, "tracking")]
        clip, result = clip_with(rows, [here, label])
        return replace(clip, group=group), result

    runs = [run("b", here, here), run("a", here, here), run("a", far, here), run("c", here, none)]
    found = {one.group: one for one in confidence.reached(runs)}
    assert list(found) == ["a", "b", "c"]
    assert [found[g].num_scored for g in "abc"] == [2, 1, 1]
    assert found["a"].measures["success_auc"].mean < found["b"].measures["success_auc"].mean


def test_its_card_tells_the_bins_once_however_often_it_is_made(made, clips, tmp_path):
    text = made.path(bundle.MODEL_CARD).read_text()
    assert text.count("## Confidence") == 1
    assert text.count("| score | predicted | observed | frames |") == 1
    asked = ["--confidence", str(clips)]
    assert main(["export", str(made.folder), "-o", str(tmp_path / "sure"), *asked]) == 0
    assert (tmp_path / "sure" / bundle.MODEL_CARD).read_text() == text


def test_a_new_table_leaves_what_stands_behind_the_old_one(made, tmp_path):
    card = tmp_path / bundle.MODEL_CARD
    card.write_text("# Name\n\n## Confidence\n\noutdated\n\n## Limits\n\nMany.\n")
    spec = made.manifest.confidence
    confidence.add_to_card(tmp_path, confidence.Fitted(spec, (), (), ()))
    text = card.read_text()
    assert text.startswith("# Name\n\n## Limits\n\nMany.\n\n## Confidence\n\n")
    assert "outdated" not in text


def test_its_tracks_tell_it_in_every_output(made, tmp_path, capsys):
    outs = [tmp_path / "a.jsonl", tmp_path / "a.csv"]
    flags = [word for out in outs for word in ("--out", str(out))]
    scene = "synthetic:seed=40,frames=12"
    assert main(["track", scene, "--bundle", str(made.folder), *flags]) == 0
    told = [json.loads(line)["confidence"] for line in outs[0].read_text().splitlines()]
    header, *rows = outs[1].read_text().splitlines()
    assert told[0] == 1.0
    assert all(0 <= value <= 1 for value in told)
    assert header.endswith(",confidence")
    assert [float(line.rpartition(",")[2]) for line in rows] == told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["default", "--confidence", "{empty}"], "no known layout"),
        (["default", "--confidence", "{one}"], "1 labelled recordings"),
        (["default", "--confidence", "{clips}", "--confidence", "{clips}"], "is named twice"),
        (["default", "--confidence", "{clips}", "--half"], "other precisions were asked for"),
        (["default", "--confidence", "{clips}", "--precision", "int8"], "other precisions"),
        (["run/last.safetensors", "--confidence", "{clips}"], "is for a bundle"),
    ],
)
def test_what_can_not_be_learned_from_is_refused(arguments, complaint, clips, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    places = {"empty": tmp_path / "empty", "one": clips / "scene40", "clips": clips}
    asked = [text.format(**places) for text in arguments]
    assert main(["export", *asked, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("fix: ") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_too_few_measured_frames_leave_nothing_behind(clips, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(confidence, "_LEAST_FRAMES", 10_000)
    asked = ["default", "--confidence", str(clips), "-o", str(tmp_path / "out")]
    assert main(["export", *asked]) == 2
    assert "10000 are needed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_bundle_whose_precisions_are_made_anew_keeps_it(made, tmp_path):
    copies.extend(made, tmp_path / "plain", "plain", finish=copies.unchanged)
    assert bundle.read(tmp_path / "plain").manifest.confidence == made.manifest.confidence
