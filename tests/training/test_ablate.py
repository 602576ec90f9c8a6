"""Facts about ablations: variants of one recipe, trained and compared."""

from dataclasses import replace

import pytest

from thermedge.errors import RecipeError
from thermedge.evaluation.scores import Interval
from thermedge.export import settings
from thermedge.models import checkpoint as checkpoints
from thermedge.training import ablate, loop, recipe

pytestmark = pytest.mark.usefixtures("pack_cache")

PLAN = """\
name = "small"
recipe = "{recipe}"

[changes]
samples = 8
leave_out = ["occluders"]

[changes.validation]
paths = ["held_out"]
every = 8
clips = 2
frames = 3

[[variants]]
name = "All of it"

[[variants]]
name = "no scenes, no mask"
without = ["scenes"]

[variants.changes]
seed = 9

[variants.changes.network]
mask = false
"""


@pytest.fixture
def plan_file(tiny, data_folder, tmp_path, monkeypatch):
    """A plan of two variants; the data lie beside it."""
    for name in ("clips", "held_out"):
        (tmp_path / name).symlink_to(data_folder / "clips")
    (tmp_path / "tiny.toml").write_text(tiny)
    nano = settings.shipped("stdtrack", "nano")
    monkeypatch.setattr(settings, "shipped", lambda tracker, size: nano)  # tiny has none
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(recipe=tmp_path / "tiny.toml"))
    return path


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a plan beside the data."""
    online = settings.read(settings.shipped("stdtrack", "nano"))

    def run(plan):
        return ablate.run(
            plan,
            tmp_path / "runs",
            data=tmp_path,
            settings=lambda one: online,
            workers=0,
            threads=1,
            device="cpu",
        )

    return run


@pytest.mark.parametrize("name", ablate.shipped())
def test_every_shipped_plan_has_variants_that_differ(name):
    plan = ablate.read(name)
    assert plan.name == name
    variants = [recipe.parse(ablate.text_of(plan, one), one.name) for one in plan.variants]
    assert len({str(replace(one, name="")) for one in variants}) == len(variants)
    assert len({one.samples for one in variants}) == 1


def test_every_tracker_and_the_data_have_a_plan():
    assert ablate.shipped() == ["ainet", "data", "fgsgt", "siamcross", "smmt", "stdtrack"]


def test_a_variant_changes_what_it_says_and_nothing_else(plan_file, tiny):
    plan = ablate.read(str(plan_file))
    base = recipe.parse(tiny, "base")
    whole, less = (recipe.parse(ablate.text_of(plan, one), one.name) for one in plan.variants)
    assert (whole.name, less.name) == ("small_all-of-it", "small_no-scenes-no-mask")
    assert (whole.data, whole.pairs, whole.seed) == (base.data, base.pairs, base.seed)
    assert whole.leave_out == less.leave_out == ("occluders",)
    assert [data.name for data in less.data] == [pair.data for pair in less.pairs] == ["squares"]
    assert (less.seed, less.network) == (9, {"mask": False})
    assert (less.batch, less.learning_rate) == (base.batch, base.learning_rate)


def test_variants_are_trained_scored_and_compared(plan_file, run, tmp_path):
    plan = ablate.read(str(plan_file))
    first, second = run(plan)
    assert (first.variant, first.worth) == ("All of it", None)
    (group,) = second.groups
    apart = second.groups[group].mean - first.groups[group].mean
    assert second.worth is not None
    assert second.worth.mean == pytest.approx(apart, abs=2e-4)  # logs have four digits
    assert second.worth.low <= second.worth.mean <= second.worth.high
    less = checkpoints.load(tmp_path / "runs" / "no-scenes-no-mask" / loop.LAST)
    assert less.changes == {"mask": False}
    assert checkpoints.network(less).mask is None

    table = (tmp_path / "runs" / ablate.TABLE).read_text()
    assert table == ablate.table(plan, [first, second])
    rows = table.splitlines()
    assert rows[0] == f"| trained | {group} | mean, against the first |"
    assert rows[2].startswith("| All of it | ")
    assert rows[2].endswith(" |  |")
    assert "8 search windows from scratch, one seed" in table


def test_what_is_trained_is_not_trained_again(plan_file, run, tmp_path, monkeypatch):
    plan = ablate.read(str(plan_file))
    before = run(plan)
    log = tmp_path / "runs" / "no-scenes-no-mask" / "log.jsonl"
    log.write_text(log.read_text().replace('"clips"', '"other"'))  # as if it had no validation yet
    trained = []
    real = loop.train

    def noted(text, folder, **options):
        trained.append(folder.name)
        return real(text, folder, **options)

    monkeypatch.setattr(loop, "train", noted)
    (log.parent / loop.LAST).unlink()
    after = run(plan)
    assert trained == ["no-scenes-no-mask"]
    assert [one.groups for one in after] == [one.groups for one in before]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 9", "seed = 10"),
        ("mask = false", "multi_scale = false"),
        ("frames = 3", "frames = 2"),
        ("samples = 8", "samples = 8\nlearning_rate = 2e-3"),
    ],
)
def test_scores_of_a_plan_as_it_was_are_not_shown_for_another(plan_file, run, old, new):
    run(ablate.read(str(plan_file)))
    text = plan_file.read_text()
    assert text.count(old) == 1
    plan_file.write_text(text.replace(old, new))
    with pytest.raises(RecipeError, match="belongs to another recipe"):
        run(ablate.read(str(plan_file)))


def test_a_run_that_left_only_a_log_is_trained_from_its_beginning(plan_file, run, tmp_path):
    plan = ablate.read(str(plan_file))
    before = run(plan)
    for log in (tmp_path / "runs").glob("*/log.jsonl"):
        (log.parent / loop.LAST).unlink()
        log.write_text(log.read_text().replace('"step": 2', '"step": 90'))  # of a longer run
    assert [one.groups for one in run(plan)] == [one.groups for one in before]


def test_a_finished_run_whose_log_is_gone_is_refused(plan_file, run, tmp_path):
    plan = ablate.read(str(plan_file))
    run(plan)
    (tmp_path / "runs" / "all-of-it" / "log.jsonl").unlink()
    with pytest.raises(RecipeError, match="all-of-it is finished, but .* not in its log") as caught:
        run(plan)
    assert "Remove this folder" in caught.value.remedy


def test_worth_is_paired_by_clip_and_counts_groups_alike():
    one = {"many": {"a": 0.5, "b": 0.7, "c": 0.9, "d": 0.1}, "few": {"e": 0.4}}
    other = {"many": {"a": 0.4, "b": 0.6, "c": 0.8, "d": 0.0, "x": 1.0}, "few": {"e": 0.1}}
    found = ablate.worth_of(one, other)
    assert found.mean == pytest.approx((0.1 + 0.3) / 2)
    # Every clip of a group gains alike: whatever is drawn, the mean is the same.
    assert (found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.2))
    one["many"]["a"] = 0.9
    wider = ablate.worth_of(one, other)
    assert wider.low < wider.mean < wider.high


def test_differences_are_shown_with_their_sign():
    assert ablate._shown(Interval(0.0123, -0.1, 0.2), "+") == "+0.012 [-0.100, +0.200]"
    assert ablate._shown(Interval(0.5, 0.4, 0.6)) == "0.500 [0.400, 0.600]"


def test_a_plan_without_validation_is_refused(plan_file):
    text = plan_file.read_text()
    start, end = text.index("[changes.validation]"), text.index("[[variants]]")
    plan_file.write_text(text[:start] + text[end:])
    with pytest.raises(RecipeError, match="'All of it' has no validation"):
        ablate.read(str(plan_file))


def test_a_missing_plan_names_the_shipped_ones(tmp_path):
    with pytest.raises(RecipeError, match="can't be read") as caught:
        ablate.read(str(tmp_path / "none.toml"))
    assert "data" in caught.value.remedy
