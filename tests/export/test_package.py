"""Facts about writing bundles: all of it, or nothing."""

import dataclasses
import json
import shutil
import subprocess

import pytest

import thermedge
from thermedge import bundle, files
from thermedge.errors import BundleError, RecipeError, ThermedgeError
from thermedge.export import graph, model_card, package, parity, settings
from thermedge.files import sha256_of
from thermedge.models import checkpoint as checkpoints
from thermedge.models.stdtrack import SIZES
from thermedge.runtime import golden


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def old(tmp_path, export):
    """A bundle that is already there, with a file of its own."""
    folder = tmp_path / "bundles" / "mine"
    export(folder, "old")
    (folder / "notes.txt").write_text("of the old one")
    manifest = bundle.read(folder).manifest
    listed = {**manifest.files, "notes.txt": sha256_of(folder / "notes.txt")}
    told = bundle.manifest_text(dataclasses.replace(manifest, files=listed))
    (folder / bundle.MANIFEST).write_text(told)
    return folder


def test_a_bundle_is_complete_and_verified(exported):
    opened = bundle.read(exported[2])
    assert {path.name for path in exported[2].iterdir()} == {bundle.MANIFEST, *bundle.REQUIRED}
    assert set(opened.manifest.files) == set(bundle.REQUIRED)
    assert opened.manifest.crop == SIZES["nano"].crop
    assert opened.manifest.parity.keys() == {
        *("kernel", "cells", "first_token"),
        *("score", "offset", "size", "spread", "change", "token_next"),
    }
    chosen = settings.read(settings.shipped("stdtrack", "nano"))
    for part in dataclasses.fields(chosen):
        assert getattr(opened.manifest, part.name) == getattr(chosen, part.name)


def test_a_bundle_says_where_its_weights_come_from(exported, last):
    origin = bundle.read(exported[2]).manifest.origin
    assert origin.checkpoint_sha256 == sha256_of(last)
    assert (origin.recipe, origin.samples, origin.seed) == ("two_steps", 1008, 5)
    assert [(data.name, data.licence, data.credit) for data in origin.data] == [
        ("squares", "Apache-2.0", "drawn by the tests"),
        ("scenes", "CC0", "a generator"),
    ]


def test_the_golden_vectors_are_reproduced(exported):
    gaps = golden.check(bundle.read(exported[2]))
    assert max(gaps.values()) < 1e-5


def test_the_model_card_names_every_source_with_licence_and_credit(exported):
    card = (exported[2] / bundle.MODEL_CARD).read_text()
    assert card.startswith("# two_steps_bundle\n")
    for data in bundle.read(exported[2]).manifest.origin.data:
        assert f"| {data.name} | {data.licence} | {data.credit} |" in card
    assert "457,347 / 391,514" in card  # parameters, trained and running
    assert "1,008" in card  # pairs seen
    size = (exported[2] / bundle.TRACK_GRAPH).stat().st_size
    assert f"{size:,} bytes" in card


def test_the_model_card_gives_the_scores_of_the_run_with_their_interval(exported, tmp_path, last):
    assert "## Validation" not in (exported[2] / bundle.MODEL_CARD).read_text()
    run, folder = tmp_path / "run", tmp_path / "bundle"
    run.mkdir()
    shutil.copy(last, run)
    lines = [
        {"step": 2, "success_auc": {"drone_ir/val": [0.5, 0.4, 0.6]}},
        {"step": 1, "success_auc": {"drone_ir/val": [0.1, 0.1, 0.1]}},
        {"step": 2, "success_auc": {"drone_ir/val": [0.7123, 0.6, 0.8]}},
        {"step": 2, "total": 1.0},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"step": 2, "success_auc": {"dr'
    (run / "log.jsonl").write_text(text)
    package.export(
        run / last.name, settings.read(settings.shipped("stdtrack", "nano")), folder, "scored"
    )
    card = (folder / bundle.MODEL_CARD).read_text()
    assert "| drone_ir/val | 0.712 | 0.600 to 0.800 |" in card
    assert card.index("## Training data") < card.index("## Validation") < card.index("## Limits")


@pytest.mark.parametrize("name", [bundle.MANIFEST, bundle.MODEL_CARD])
def test_the_texts_tell_no_path_of_this_machine(exported, name):
    text = (exported[2] / name).read_text()
    assert str(exported[2].parent) not in text
    assert "/home" not in text
    assert "/tmp" not in text


def test_the_files_are_readable_for_all_who_may_enter(exported):
    assert exported[2].stat().st_mode & 0o777 == 0o755


def test_a_new_export_takes_the_whole_place_of_the_old(old, export):
    export(old, "new")
    assert bundle.read(old).manifest.name == "new"
    assert not (old / "notes.txt").exists()
    assert list(old.parent.iterdir()) == [old]


def full_disk(*arguments):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("module", "name", "value", "error"),
    [
        (graph, "to_onnx", full_disk, BundleError),
        (parity, "LIMIT", 0.0, ThermedgeError),
        (model_card, "text", full_disk, BundleError),
        (files, "sync", full_disk, BundleError),
    ],
)
def test_a_failed_export_leaves_the_old_bundle_and_nothing_else(
    old, export, monkeypatch, module, name, value, error
):
    before = contents(old)
    monkeypatch.setattr(module, name, value)
    with pytest.raises(error):
        export(old, "new")
    assert contents(old) == before
    assert list(old.parent.iterdir()) == [old]


def test_a_bundle_that_cannot_take_its_place_gives_it_back(old, export, monkeypatch):
    before = contents(old)
    rename = type(old).rename

    def refuse_drafts(path, target):
        if target == old and not path.name.endswith(".old"):
            full_disk()
        return rename(path, target)

    monkeypatch.setattr(type(old), "rename", refuse_drafts)
    with pytest.raises(BundleError, match="No space"):
        export(old, "new")
    assert contents(old) == before


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_no_bundle_is_never_overwritten(tmp_path, export, what):
    target = tmp_path / "photos"
    if what == "folder":
        target.mkdir()
        (target / "summer.jpg").write_text("dear")
    else:
        target.write_text("dear")
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        export(target)
    assert (target / "summer.jpg" if what == "folder" else target).read_text() == "dear"
    assert list(tmp_path.iterdir()) == [target]


def test_a_bundle_can_be_replaced_from_within(old, export, monkeypatch):
    monkeypatch.chdir(old)
    export(package.Path("."), "new")
    assert bundle.read(old).manifest.name == "new"


def test_a_place_that_cannot_be_written_is_named(tmp_path, export):
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="bundle can't be written"):
        export(tmp_path / "file" / "bundle")


def test_a_checkpoint_that_cannot_be_read_makes_no_folder(tmp_path):
    chosen = settings.read(settings.shipped("stdtrack", "nano"))
    with pytest.raises(RecipeError, match="can't be read as a checkpoint"):
        package.export(tmp_path / "none", chosen, tmp_path / "a" / "b", "x")
    assert list(tmp_path.iterdir()) == []


# --- which code ---


def git(folder, *arguments):
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Pretend that the code lies in a checkout of one commit."""
    for folder in ("export", "models", "training"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "package.py").write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "export" / "package.py"))
    return tmp_path


def test_the_commit_is_the_checkouts(checkout):
    (checkout / "notes.txt").write_text("not code")
    (checkout / "training" / "package.py").write_text("not in a bundle")
    assert package._commit() == git(checkout, "rev-parse", "--short=12", "HEAD")


@pytest.mark.parametrize("file", ["export/package.py", "models/package.py", "export/new.py"])
def test_a_commit_is_marked_when_the_code_differs_from_it(checkout, file):
    (checkout / file).write_text("2\n")
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert package._commit() == f"{commit}-modified"


def test_an_installed_copy_does_not_take_its_neighbours_commit(checkout, monkeypatch):
    (checkout / ".gitignore").write_text(".venv\n")
    installed = checkout / ".venv" / "thermedge" / "export"
    installed.mkdir(parents=True)
    (installed / "package.py").touch()
    monkeypatch.setattr(package, "__file__", str(installed / "package.py"))
    assert package._commit() == f"thermedge {thermedge.__version__}"


def test_outside_a_checkout_the_version_stands_for_the_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "export").mkdir()
    monkeypatch.setattr(package, "__file__", str(tmp_path / "export" / "package.py"))
    assert package._commit() == f"thermedge {thermedge.__version__}"


def test_without_git_the_version_stands_for_the_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert package._commit() == f"thermedge {thermedge.__version__}"


def test_the_manifest_is_the_one_that_was_returned(tmp_path, export):
    manifest = export(tmp_path / "bundle", "mine")
    text = (tmp_path / "bundle" / bundle.MANIFEST).read_text()
    assert bundle.read(tmp_path / "bundle").manifest == manifest
    assert json.loads(text)["name"] == "mine"
    assert text == bundle.manifest_text(manifest)


def test_the_averaged_weights_are_exported(exported, last):
    import onnx
    from onnx.numpy_helper import to_array

    average = checkpoints.load(last).part("average")["box.bias"].numpy()
    graph_file = onnx.load(exported[2] / bundle.TRACK_GRAPH)
    biases = [to_array(t) for t in graph_file.graph.initializer if list(t.dims) == [7]]
    assert any((bias[1:] == average).all() for bias in biases)  # behind that of the score
