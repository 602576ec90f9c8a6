import json
import runpy
import shutil
from pathlib import Path

import pytest

from thermedge import bundle as bundles
from thermedge.errors import BoardError
from thermedge.flashing import payload
from thermedge.flashing.overlay import OverlayRequest

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))


@pytest.fixture
def request_(tmp_path):
    house = tmp_path / "house"
    house.mkdir()
    TINY["write_wheel"](house)
    (house / "pip-26-py3-none-any.whl").write_bytes(b"pip")
    return OverlayRequest(
        version="v1",
        board="",
        bundle=TINY["write_bundle"](tmp_path / "bundle"),
        wheelhouse=house,
        user="tracker",
        arguments=("v4l2:auto",),
    )


@pytest.fixture
def written(request_, tmp_path):
    folder = tmp_path / "payload"
    return folder, payload.write(folder, request_)


def test_what_is_written_is_read_and_verified(written):
    folder, release = written
    assert payload.read(folder) == release
    payload.verify(folder, release)
    assert {name.partition("/")[0] for name in release.files} == {"bundle", "wheelhouse", "system"}


def test_what_lies_beside_a_bundle_does_not_travel(request_, tmp_path):
    (request_.bundle / "notes.txt").write_text("private")
    release = payload.write(tmp_path / "p", request_)
    assert not [name for name in release.files if "notes" in name]


@pytest.mark.parametrize("number", range(0, 12, 3))
def test_a_flipped_bit_a_missing_and_a_foreign_file_are_found(written, number):
    folder, release = written
    path = folder / sorted(release.files)[number % len(release.files)]
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(BoardError, match="was sent"):
        payload.verify(folder, release)
    path.unlink()
    with pytest.raises(BoardError, match="can't be read"):
        payload.verify(folder, release)
    path.write_bytes(data)
    payload.verify(folder, release)
    (folder / "bundle/other").touch()
    with pytest.raises(BoardError, match="bundle/other was not sent"):
        payload.verify(folder, release)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", ""])
def test_a_list_that_leads_elsewhere_is_refused(written, name):
    folder, _ = written
    values = json.loads((folder / "release.json").read_text())
    values["files"] = {name: "0" * 64}
    (folder / "release.json").write_text(json.dumps(values))
    with pytest.raises(BoardError, match="leads elsewhere"):
        payload.read(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1, "more": 0}'])
def test_a_damaged_description_is_refused(written, text):
    folder, _ = written
    (folder / "release.json").write_text(text)
    with pytest.raises(BoardError):
        payload.read(folder)
    (folder / "release.json").unlink()
    with pytest.raises(BoardError, match="can't be read"):
        payload.read(folder)


def test_the_same_wheels_have_the_same_environment(request_, written, tmp_path):
    _, release = written
    assert payload.environment_key(request_.wheelhouse) == release.environment
    (request_.wheelhouse / "pip-26-py3-none-any.whl").write_bytes(b"another")
    assert payload.environment_key(request_.wheelhouse) != release.environment


def test_a_renamed_payload_differs_in_its_name_only(written):
    folder, release = written
    payload.rename(folder, "v2")
    again = payload.read(folder)
    assert again.version == "v2"
    assert again.files == release.files
    payload.verify(folder, again)


def test_a_damaged_bundle_does_not_travel(request_, tmp_path):
    (request_.bundle / bundles.GOLDEN).write_bytes(b"")
    with pytest.raises(bundles.BundleError):
        payload.write(tmp_path / "p", request_)


def test_half_a_file_of_a_payload_before_stops_nothing(written):
    folder, release = written
    # rsync keeps it, and the folder that it is in, though this payload has no such file.
    (folder / "wheelhouse/.partial").mkdir()
    (folder / "wheelhouse/.partial/numpy-2-py3-none-any.whl").write_bytes(b"half")
    payload.verify(folder, release)


def test_half_a_removed_payload_is_none(written, monkeypatch):
    folder, _ = written
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *args, **more: None)  # as if cut off at once
        payload.remove(folder)
    assert folder.is_dir()
    assert not (folder / "release.json").exists()  # what the first boot looks for
    payload.remove(folder)
    payload.remove(folder)
    assert not folder.exists()
