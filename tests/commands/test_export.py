"""Facts about `thermedge export`."""

import sys

import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main
from thermedge.export import settings


@pytest.fixture
def refused(tmp_path, capsys):
    """Return a function that exports, must fail in two lines, and gives back what they say."""

    def run(*arguments):
        arguments = [str(argument) for argument in arguments]
        if "-o" not in arguments:
            arguments += ["-o", str(tmp_path / "bundle")]
        assert main(["export", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\nfix: ") == 1
        assert not (tmp_path / "bundle").exists()
        return err

    return run


def test_a_run_becomes_a_bundle_named_after_its_folder(exported):
    status, out, folder = exported
    assert status == 0
    assert bundle.read(folder).manifest.name == folder.name


def test_the_parity_of_every_output_is_told_and_then_the_folder(exported):
    _, out, folder = exported
    assert out.splitlines()[-1] == str(folder)
    for output in bundle.read(folder).manifest.parity:
        assert output in out


def test_a_missing_checkpoint_is_named(refused, tmp_path):
    assert "last.safetensors can't be read" in refused(tmp_path / "last.safetensors")


def test_no_process_at_all_is_refused(refused):
    assert "--workers is 0" in refused("default", "--workers", "0")


def test_a_file_of_another_kind_is_refused(refused, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("batch = 4\n")
    assert "can't be read as a checkpoint" in refused(path)


def test_a_folder_with_other_files_is_kept(refused, checkpoint_file, tmp_path):
    (tmp_path / "photos").mkdir()
    assert "exists and is not a bundle" in refused(checkpoint_file, "-o", tmp_path / "photos")


def test_wrong_settings_are_named_before_anything_is_computed(refused, checkpoint_file, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(settings.shipped("stdtrack", "nano").read_text().replace("weight", "wait"))
    told = refused(checkpoint_file, "--settings", path)
    assert "settings.toml" in told
    assert "has no key" in told


def test_the_bundle_folder_must_be_given(checkpoint_file, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["export", str(checkpoint_file)])
    assert caught.value.code == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["torch", "safetensors", "onnx", "onnxscript"])
def test_a_missing_package_is_named_with_the_way_to_get_it(
    refused, checkpoint_file, monkeypatch, package
):
    monkeypatch.setitem(sys.modules, package, None)
    told = refused(checkpoint_file)
    assert f"exporting needs {package}" in told
    assert "pip install" in told


def test_half_is_added_to_all_that_a_bundle_has(tmp_path):
    out = tmp_path / "bundle"
    assert main(["export", "default", "-o", str(out), "--half"]) == 0
    made, before = bundle.read(out).manifest, bundle.read(find("default")).manifest
    assert set(made.files) == set(before.files) | {"template.fp16.onnx", "track.fp16.onnx"}
    assert (made.int8, made.confidence) == (before.int8, before.confidence)


def test_fp32_alone_is_had_by_asking_for_it_and_tells_what_goes(tmp_path, capsys):
    out = tmp_path / "bundle"
    assert main(["export", "default", "-o", str(out), "--precision", "fp32"]) == 0
    assert bundle.read(out).manifest.int8 is None
    assert "learn it again with --confidence" in " ".join(capsys.readouterr().err.split())


def test_settings_are_refused_for_a_bundle(refused, tmp_path):
    told = refused("default", "--settings", tmp_path / "nowhere.toml")
    assert "is a bundle, which has its own" in told


def test_a_bundle_is_not_replaced_when_more_lies_in_its_folder(refused, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/manifest.json").write_text((find("default") / "manifest.json").read_text())
    (tmp_path / "mine/thesis.txt").touch()
    assert "thesis.txt" in refused("default", "-o", tmp_path / "mine")


def test_half_graphs_that_boards_would_refuse_are_not_written(refused):
    told = refused("ainet", "--half")
    assert "fp16 is not precise enough for bundle: it changes keys by" in told
