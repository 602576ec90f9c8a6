"""Facts about `thermedge train`."""

import sys

import pytest
import torch

from thermedge.commands import main
from thermedge.models import checkpoint as checkpoints

pytestmark = pytest.mark.usefixtures("pack_cache")


@pytest.fixture
def recipe(tmp_path, recipe_text):
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text)
    return path


@pytest.fixture
def refused(tmp_path, data_folder, capsys):
    """Return a function that trains, must fail in two lines, and gives back what they say."""

    def run(*arguments):
        arguments = [str(argument) for argument in arguments]
        if "--data" not in arguments:
            arguments += ["--data", str(data_folder)]
        if "-o" not in arguments:
            arguments += ["-o", str(tmp_path / "run")]
        assert main(["train", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\nfix: ") == 1
        assert "Traceback" not in err
        return err

    return run


def test_a_recipe_becomes_a_checkpoint_whose_path_is_all_of_stdout(trained):
    status, out, run = trained
    assert status == 0
    assert out == f"{run / 'last.safetensors'}\n"
    saved = checkpoints.load(run / "last.safetensors")
    assert (saved.step, saved.samples) == (2, 1008)  # 1000 pairs came with --from
    assert sorted(path.name for path in run.iterdir()) == [
        "curves.svg",
        "last.safetensors",
        "log.jsonl",
    ]


def test_training_goes_on_from_the_weights_that_it_was_given(trained, network):
    # Two steps of 1e-5 lead away from them, but not far.
    saved = checkpoints.load(trained[2] / "last.safetensors").part("model")
    start = network.state_dict()["score.weight"]
    torch.testing.assert_close(saved["score.weight"], start, atol=1e-4, rtol=0)
    assert not torch.equal(saved["score.weight"], start)


def test_an_unknown_recipe_is_named(refused):
    assert "'stdtrack_nan' can't be read" in refused("stdtrack_nan")


def test_a_mistake_in_a_recipe_is_named_with_the_file(refused, recipe):
    recipe.write_text(recipe.read_text().replace("batch = 4", "batch = 0"))
    assert f"{recipe}: batch is 0" in refused(recipe)


def test_a_checkpoint_is_no_recipe(refused, checkpoint_file):
    assert "is not a text file" in refused(checkpoint_file)


def test_missing_data_are_named_with_the_flag(refused, recipe, tmp_path):
    told = refused(recipe, "--data", tmp_path / "nowhere")
    assert "nowhere" in told
    assert "--data FOLDER" in told


def test_the_data_folder_must_be_given(recipe, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", str(recipe)])
    assert caught.value.code == 2
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--threads", "--workers"])
def test_a_negative_count_is_refused(refused, recipe, flag):
    assert f"{flag} is -1" in refused(recipe, flag, -1)


def test_a_file_is_no_run_folder(refused, recipe):
    assert "can't be made" in refused(recipe, "-o", recipe)


def test_a_damaged_start_is_refused(refused, recipe, tmp_path):
    path = tmp_path / "start.safetensors"
    path.write_bytes(b"damaged")
    assert "can't be read as a checkpoint" in refused(recipe, "--from", path)


def test_the_folder_of_another_run_is_refused(refused, recipe, trained):
    recipe.write_text(recipe.read_text().replace("seed = 5", "seed = 6"))
    before = (trained[2] / "last.safetensors").read_bytes()
    assert "belongs to another recipe" in refused(recipe, "-o", trained[2])
    assert (trained[2] / "last.safetensors").read_bytes() == before


@pytest.mark.parametrize("package", ["torch", "safetensors"])
def test_a_missing_package_is_named_with_the_way_to_get_it(refused, recipe, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    told = refused(recipe)
    assert f"training needs {package}" in told
    assert "thermedge[export]" in told


def test_a_missing_start_is_named_even_if_the_run_has_begun(refused, recipe, trained, tmp_path):
    told = refused(recipe, "-o", trained[2], "--from", tmp_path / "nowhere.safetensors")
    assert "nowhere.safetensors" in told
    assert "-o" in told


@pytest.mark.parametrize("value", ["heads = 5", "stem = 0", "features = -4"])
def test_a_network_that_can_not_be_is_refused(refused, recipe, value):
    recipe.write_text(recipe.read_text() + f"\n[network]\n{value}\n")
    assert "[network]" in refused(recipe)


def test_clips_for_a_tracker_of_pairs_are_refused(refused, recipe):
    text = recipe.read_text().replace("stdtrack", "smmt")
    recipe.write_text(text.replace("batch = 4", "batch = 4\nclip = 2"))
    assert "smmt takes pairs only" in refused(recipe)
