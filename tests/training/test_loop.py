"""Facts about training runs: repeatable to the bit, whatever happens to the process."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from thermedge.errors import RecipeError
from thermedge.models import checkpoint as checkpoints
from thermedge.training import loop, record
from thermedge.training.processes import Processes
from thermedge.training.recipe import parse

pytestmark = pytest.mark.usefixtures("pack_cache")


ALONE = Processes(torch.device("cpu"))


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@pytest.fixture
def train(tmp_path, data_folder, tiny):
    """Return a function that trains into a folder of the test, one thread, no workers."""

    def run(name="run", text=tiny, **options):
        options = {"data": data_folder, "workers": 0, "threads": 1, "device": "cpu"} | options
        return loop.train(text, tmp_path / name, **options)

    return run


def killed_at(step):
    def report(progress):
        if progress.step == step:
            raise Killed

    return report


def assert_same(one, two):
    one, two = checkpoints.load(one), checkpoints.load(two)
    assert (one.step, one.samples) == (two.step, two.samples)
    assert one.tensors.keys() == two.tensors.keys()
    differ = [n for n in one.tensors if not torch.equal(one.tensors[n], two.tensors[n])]
    assert not differ


def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_bits(train, monkeypatch):
    straight = train("straight")
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1)  # after every step
    with pytest.raises(Killed):
        train("stopped", report=killed_at(4))  # the fourth step is lost
    steps = []

    resumed = train("stopped", report=lambda progress: steps.append(progress.step))

    assert checkpoints.load(straight).step == 6
    assert steps == [4, 5, 6]
    assert_same(straight, resumed)


def test_a_run_learns_and_its_average_follows(train):
    saved = checkpoints.load(train())
    fresh = checkpoints.models.build("stdtrack", "tiny").state_dict()
    model, average = saved.part("model"), saved.part("average")
    assert model.keys() == average.keys() == fresh.keys()
    assert (saved.step, saved.samples) == (6, 24)
    assert not torch.equal(model["score.weight"], average["score.weight"])
    torch.testing.assert_close(model["score.weight"], average["score.weight"], atol=0.02, rtol=0)
    assert model["response_norm.num_batches_tracked"] == 6
    assert average["response_norm.num_batches_tracked"] == 6


def test_a_finished_run_stays_as_it_is(train):
    last = train()
    copy = shutil.copy(last, last.with_name("copy.safetensors"))
    reports = []
    assert_same(train(report=reports.append), copy)
    assert not reports


def test_the_same_recipe_in_another_folder_gives_the_same_bits(train):
    assert_same(train("one"), train("two"))


def test_every_step_is_reported(train):
    reports = []
    train(report=reports.append)
    assert [(now.step, now.steps) for now in reports] == [(n, 6) for n in range(1, 7)]
    assert all(now.samples_per_s > 0 for now in reports)
    assert all(now.loss > 0 for now in reports)
    assert all(0 <= now.hit <= 1 for now in reports)
    assert all(0 <= now.iou <= now.hit for now in reports)


def test_the_log_has_a_line_per_few_steps_that_can_be_read_at_once(train, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_LOG_EVERY", 2)
    log = tmp_path / "run" / record.LOG
    seen = []
    train(report=lambda progress: seen.append(log.read_text().count("\n")))
    assert seen == [0, 0, 1, 1, 2, 2]

    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(entry["step"], entry["samples"]) for entry in entries] == [(2, 8), (4, 16), (6, 24)]
    for entry in entries:
        figures = {
            "total",
            "score",
            "overlap",
            "distance",
            "spread",
            "mask",
            "change",
            "hit",
            "iou",
        }
        assert entry.keys() == {"step", "samples", "minutes", *figures, "rate", "samples_per_s"}
    assert entries[-1]["rate"] == 0


def test_a_resumed_run_adds_to_its_log(train, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_LOG_EVERY", 2)
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1)
    with pytest.raises(Killed):
        train(report=killed_at(4))
    train()
    lines = (tmp_path / "run" / record.LOG).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]


def test_the_log_of_a_run_that_left_no_checkpoint_is_not_gone_on_with(
    train, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_LOG_EVERY", 1)
    with pytest.raises(Killed):
        train(report=killed_at(5))
    train(text=tiny.replace("samples = 24", "samples = 12"))
    lines = (tmp_path / "run" / record.LOG).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


@pytest.mark.parametrize("part", ["model", "average"])
def test_a_run_of_a_version_with_another_network_is_refused(train, part):
    last = train()
    saved = checkpoints.load(last)
    tensors = {k: v for k, v in saved.tensors.items() if not k.startswith(f"{part}.change.")}
    checkpoints.save(replace(saved, tensors=tensors), last)
    with pytest.raises(RecipeError, match="does not fit the stdtrack tiny .*change.here") as caught:
        train()
    assert "\n" not in caught.value.problem
    assert checkpoints.load(last).tensors.keys() == tensors.keys()


def test_another_recipe_in_the_same_folder_is_refused(train, tiny):
    last = train()
    before = last.read_bytes()
    with pytest.raises(RecipeError, match="belongs to another recipe") as caught:
        train(text=tiny.replace("seed = 5", "seed = 6"))
    assert "-o" in caught.value.remedy
    assert last.read_bytes() == before


def test_a_run_that_starts_from_another_keeps_the_count_of_its_pairs(train, tiny, monkeypatch):
    first = train("first")
    text = tiny.replace("seed = 5", "seed = 6")
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1)
    with pytest.raises(Killed):
        train("second", text=text, start_from=first, report=killed_at(1))
    assert not (first.parents[1] / "second" / loop.LAST).exists()  # killed before it was saved
    with pytest.raises(Killed):
        train("second", text=text, start_from=first, report=killed_at(3))
    second = checkpoints.load(train("second", text=text, start_from=first))
    assert (second.step, second.samples) == (6, 48)


def test_a_run_that_starts_from_another_begins_with_its_averaged_weights(
    train, tiny, data_folder, tmp_path
):
    first = train("first")
    text = tiny.replace("seed = 5", "seed = 6")
    run = loop._Run(parse(text, "the recipe"), text, ALONE)
    run.begin_with(checkpoints.load(first))
    average = checkpoints.load(first).part("average")
    for state in (run.net.state_dict(), run.average.state_dict()):
        assert all(torch.equal(state[name], value) for name, value in average.items())


def test_a_run_cannot_start_from_a_checkpoint_that_shares_no_weights(train, checkpoint_file):
    with pytest.raises(RecipeError, match="from a stdtrack nano .* no weights .* stdtrack tiny"):
        train(start_from=checkpoint_file)


def test_a_run_takes_the_weights_it_shares_with_another_tracker(train, tiny, data_folder):
    first = checkpoints.load(train("first"))
    average = first.part("average")
    kept = {name: value for name, value in average.items() if name.startswith("trunk.")}
    assert 0 < len(kept) < len(average)
    other = replace(
        first,
        tracker="siamcross",
        tensors={f"average.{name}": value + 1 for name, value in kept.items()},
    )
    run = loop._Run(parse(tiny, "the recipe"), tiny, ALONE)
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    run.begin_with(other)
    for name, value in run.net.state_dict().items():
        expected = kept[name] + 1 if name in kept else before[name]
        assert torch.equal(value, expected), name
    assert run.before == 0  # the pairs another tracker has seen are not its own


@pytest.fixture
def only_change(tiny):
    return tiny.replace("cool_down", 'only = ["change"]\ncool_down', 1)


def test_what_a_recipe_does_not_let_learn_keeps_its_weights_and_norms(train, only_change):
    first = train("first")
    before = checkpoints.load(first).part("average")
    saved = checkpoints.load(train("second", only_change, start_from=first))
    for kind in ("model", "average"):
        after = saved.part(kind)
        moved = {
            name.split(".")[0] for name in before if not torch.equal(before[name], after[name])
        }
        assert moved == {"change"}


def test_a_run_in_which_a_part_learns_resumes_to_the_same_bits(train, only_change, monkeypatch):
    first = train("first")
    straight = train("straight", only_change, start_from=first)
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1)
    with pytest.raises(Killed):
        train("stopped", only_change, start_from=first, report=killed_at(3))
    assert_same(straight, train("stopped", only_change, start_from=first))


@pytest.mark.parametrize("change", ["less", "other shape"])
def test_what_is_not_to_learn_must_come_with_the_checkpoint(train, only_change, change, tmp_path):
    first = checkpoints.load(train("first"))
    tensors = dict(first.tensors)
    if change == "less":
        del tensors["average.mask.key.weight"]
    else:
        tensors["average.mask.key.weight"] = torch.zeros(3, 3)
    checkpoints.save(replace(first, tensors=tensors), tmp_path / "less.safetensors")
    with pytest.raises(RecipeError, match="only change learn, .* no mask.key.weight of shape"):
        train("second", only_change, start_from=tmp_path / "less.safetensors")


def test_what_is_to_learn_need_not_come_with_the_checkpoint(train, only_change, tmp_path):
    first = checkpoints.load(train("first"))
    tensors = {k: v for k, v in first.tensors.items() if not k.startswith("average.change.")}
    checkpoints.save(replace(first, tensors=tensors), tmp_path / "less.safetensors")
    assert train("second", only_change, start_from=tmp_path / "less.safetensors").exists()


def test_a_part_can_not_learn_on_top_of_nothing(train, only_change):
    with pytest.raises(RecipeError, match="nothing else is known") as error:
        train(text=only_change)
    assert "--from CHECKPOINT" in error.value.remedy


def test_a_part_that_the_network_lacks_is_named(train, tiny, checkpoint_file):
    text = tiny.replace("cool_down", 'only = ["changes"]\ncool_down', 1)
    with pytest.raises(RecipeError, match="no 'changes'") as error:
        train(text=text, start_from=checkpoint_file)
    assert "change" in error.value.remedy


def test_the_learning_rate_rises_stays_and_falls(tiny):
    changes = {"samples = 24": "samples = 400", "warm_up = 0.5": "warm_up = 0.1"}
    for old, new in changes.items():
        assert old in tiny
        tiny = tiny.replace(old, new)
    run = loop._Run(parse(tiny, "the recipe"), tiny, ALONE)
    rates = []
    for step in range(run.steps):
        run.step = step
        rates.append(run.rate() / run.plan.learning_rate)

    assert len(rates) == 100
    assert rates[:10] == pytest.approx([n / 10 for n in range(1, 11)])
    assert rates[10:51] == pytest.approx([1.0] * 41)
    assert all(later < earlier for earlier, later in zip(rates[50:], rates[51:], strict=False))
    assert rates[75] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.002


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(
    train, monkeypatch, tmp_path
):
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1)
    whole = loop.loss_of("stdtrack")

    def poisoned(maps, targets):
        poisoned.calls += 1
        parts = whole(maps, targets)
        return replace(parts, total=parts.total * float("nan")) if poisoned.calls == 3 else parts

    poisoned.calls = 0
    monkeypatch.setattr(loop, "loss_of", lambda tracker: poisoned)
    with pytest.raises(RecipeError, match="The loss is nan at step 3") as caught:
        train()
    assert "learning_rate" in caught.value.remedy
    assert checkpoints.load(tmp_path / "run" / loop.LAST).step == 2


def test_a_folder_that_cannot_be_made_is_named(train, tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(RecipeError, match="run can't be made"):
        train()


def test_a_process_that_has_used_opencv_s_threads_can_train_with_workers(train):
    # Packing data does. A forked worker would wait for these threads for ever.
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((3000, 3000), np.float32), (0, 0), 9)
    assert checkpoints.load(train(workers=1)).step > 0


def test_clips_count_every_window_and_resume_like_pairs(train, tiny, monkeypatch):
    text = tiny.replace("batch = 4", "batch = 2\nclip = 4")
    straight = train("straight", text=text)
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1)
    with pytest.raises(Killed):
        train("stopped", text=text, report=killed_at(2))
    assert_same(straight, train("stopped", text=text))
    assert (checkpoints.load(straight).step, checkpoints.load(straight).samples) == (3, 24)


@pytest.mark.parametrize("tracker", ["ainet", "fgsgt", "siamcross", "smmt"])
def test_clips_for_a_network_that_takes_pairs_are_refused(train, tiny, tracker):
    text = tiny.replace("stdtrack", tracker).replace('"tiny"', '"nano"')
    with pytest.raises(RecipeError, match=f"clip is 2, but {tracker} takes pairs only"):
        train(text=text.replace("batch = 4", "batch = 4\nclip = 2"))


def test_a_missing_start_is_refused_even_if_the_run_has_begun(train, tmp_path):
    last = train()
    with pytest.raises(RecipeError, match="no checkpoint .*nowhere") as caught:
        train(start_from=tmp_path / "nowhere.safetensors")
    assert "--from" in caught.value.remedy
    assert_same(train(start_from=last), last)
