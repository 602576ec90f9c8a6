"""Facts about bundles: whole and unchanged, or refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thermedge import bundle
from thermedge.errors import BundleError
from thermedge.files import sha256_of
from thermedge.manifest import FORMAT, Manifest


@pytest.fixture
def folder(tmp_path: Path, manifest: Manifest) -> Path:
    """A bundle whose graphs are a few bytes: reading does not open them."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name in bundle.REQUIRED:
        (folder / name).write_bytes(f"content of {name}".encode())
    files = {name: sha256_of(folder / name) for name in bundle.REQUIRED}
    (folder / bundle.MANIFEST).write_text(
        bundle.manifest_text(replace(manifest, name="tiny", files=files))
    )
    return folder


@pytest.fixture
def edit(folder: Path) -> Callable[..., None]:
    """Change keys of the manifest; None removes one."""

    def edit(**changes: Any) -> None:
        path = folder / bundle.MANIFEST
        values = json.loads(path.read_text()) | changes
        kept = {key: value for key, value in values.items() if value is not None}
        path.write_text(json.dumps(kept))

    return edit


def refusal(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        bundle.read(folder)
    assert caught.value.remedy
    return caught.value


def test_a_whole_bundle_is_read_with_its_manifest(folder: Path, manifest: Manifest) -> None:
    read = bundle.read(folder)
    assert read.folder == folder
    assert read.manifest == replace(manifest, name="tiny", files=read.manifest.files)
    assert set(read.manifest.files) == set(bundle.REQUIRED)


def test_every_listed_file_has_a_path(folder: Path) -> None:
    read = bundle.read(folder)
    assert read.path(bundle.TRACK_GRAPH) == folder / "track.onnx"


def test_a_file_that_is_not_listed_has_no_path_even_when_it_lies_there(folder: Path) -> None:
    (folder / "notes.txt").write_text("unchecked")
    with pytest.raises(BundleError, match=r"has no notes\.txt"):
        bundle.read(folder).path("notes.txt")


@pytest.mark.parametrize("name", bundle.REQUIRED)
def test_one_flipped_bit_is_found_in_any_file(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert f"{folder / name} has sha256" in refusal(folder).problem


@pytest.mark.parametrize("name", bundle.REQUIRED)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert str(folder / name) in refusal(folder).problem


@pytest.mark.parametrize("name", bundle.REQUIRED)
def test_a_manifest_must_list_every_required_file(
    folder: Path, edit: Callable[..., None], name: str
) -> None:
    files = dict(bundle.read(folder).manifest.files)
    del files[name]
    edit(files=files)
    assert refusal(folder).problem.endswith(f"does not list {name}.")


def test_a_newer_format_asks_for_an_upgrade_before_anything_else(
    folder: Path, edit: Callable[..., None]
) -> None:
    edit(format=FORMAT + 1, invented_later=True, crop=None)
    error = refusal(folder)
    assert f"has format {FORMAT + 1}" in error.problem
    assert error.remedy.startswith("Upgrade thermedge")


def test_an_unknown_key_is_refused(folder: Path, edit: Callable[..., None]) -> None:
    edit(strde=8)
    assert "no key 'strde'" in refusal(folder).problem


def test_a_missing_key_is_refused(folder: Path, edit: Callable[..., None]) -> None:
    edit(cached=None)
    assert "lacks the key 'cached'" in refusal(folder).problem


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/hostname", "sub/file", "./track.onnx", "..", ".", "", "nul\0byte"]
)
def test_a_bundle_can_not_reach_out_of_its_folder(
    folder: Path, edit: Callable[..., None], name: str
) -> None:
    outside = folder.parent / "outside"
    outside.write_text("not part of the bundle")
    edit(files=bundle.read(folder).manifest.files | {name: sha256_of(outside)})
    assert refusal(folder).remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"tiny"', "{}", '{"format": "new"}', "é"])
def test_a_damaged_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / bundle.MANIFEST).write_bytes(text.encode("latin-1"))
    assert bundle.MANIFEST in refusal(folder).problem


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    assert "is not a bundle" in refusal(tmp_path).problem


def test_a_file_is_no_bundle(folder: Path) -> None:
    assert "is not a bundle" in refusal(folder / bundle.TRACK_GRAPH).problem


def test_a_path_that_does_not_exist_is_no_bundle(tmp_path: Path) -> None:
    assert "is not a bundle" in refusal(tmp_path / "nowhere").problem


def test_the_manifest_is_text_that_people_can_compare(folder: Path) -> None:
    text = (folder / bundle.MANIFEST).read_text()
    assert text.endswith("}\n")
    assert '\n  "name": "tiny",\n' in text
