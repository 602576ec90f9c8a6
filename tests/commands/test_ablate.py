"""Facts about `thermedge ablate`."""

import json

import pytest

from thermedge.commands import main
from thermedge.training import ablate

pytestmark = pytest.mark.usefixtures("pack_cache")

PLAN = """\
name = "small"
recipe = "{recipe}"

[changes]
samples = 4
batch = 2
clip = 2

[changes.validation]
paths = ["held_out"]
every = 4
clips = 2
frames = 3

[[variants]]
name = "All of it"

[[variants]]
name = "no scenes, no mask"
without = ["scenes"]

[variants.changes.network]
mask = false
"""


@pytest.fixture
def plan_file(recipe_text, data_folder, tmp_path):
    """A plan of two variants; the data lie beside it."""
    for name in ("clips", "held_out"):
        (tmp_path / name).symlink_to(data_folder / "clips")
    (tmp_path / "base.toml").write_text(recipe_text)
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(recipe=tmp_path / "base.toml"))
    return path


def test_the_table_is_printed_and_kept(plan_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["ablate", str(plan_file), "--data", str(tmp_path)]
    assert main([*command, "--workers", "0", "--threads", "1", "--device", "cpu"]) == 0
    runs = tmp_path / "runs" / "ablate_small"
    assert capsys.readouterr().out == (runs / ablate.TABLE).read_text()
    log = (runs / "all-of-it" / "log.jsonl").read_text().splitlines()
    assert set(json.loads(log[-1])["clips"].popitem()[1]) == {"square0", "square1"}


def test_the_help_names_every_shipped_plan(capsys):
    with pytest.raises(SystemExit):
        main(["ablate", "--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in ablate.shipped())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('without = ["scenes"]', 'without = ["birds"]', "leaves out 'birds', which"),
        ('without = ["scenes"]', 'without = ["scenes", "track"]', "there is no [[pairs]] table"),
        ("mask = false", 'mask = "no"', "network.mask is 'no', expected bool"),
        ("[[variants]]", "[[variant]]", "no key 'variant'"),
        ('name = "All of it"', 'name = "no scenes; no mask"', "two variants are called"),
        ('name = "All of it"', 'name = "…"', "or one is not"),
        ("[changes.validation]", "[changes.valuation]", "no key 'valuation'"),
        ("samples = 4", "samples = 0", "samples is 0"),
    ],
)
def test_a_wrong_plan_is_refused_in_two_lines(
    plan_file, old, new, problem, tmp_path, capsys, monkeypatch
):
    text = plan_file.read_text()
    assert old in text
    plan_file.write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)
    status = main(["ablate", str(plan_file), "--data", str(tmp_path), "--workers", "0"])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\nfix: ") == 1
    assert "Traceback" not in err
    assert problem in err


def test_a_negative_number_of_workers_is_refused(plan_file, tmp_path, capsys):
    assert main(["ablate", str(plan_file), "--data", str(tmp_path), "--workers", "-1"]) == 2
    assert "--workers is -1" in capsys.readouterr().err


def test_a_plan_that_was_changed_is_refused_beside_its_old_runs(
    plan_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    command = ["ablate", str(plan_file), "--data", str(tmp_path), "--workers", "0"]
    assert main([*command, "--threads", "1", "--device", "cpu"]) == 0
    capsys.readouterr()
    plan_file.write_text(plan_file.read_text().replace("frames = 3", "frames = 2"))
    assert main([*command, "--threads", "1", "--device", "cpu"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "belongs to another recipe" in err
