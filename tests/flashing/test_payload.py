"""Facts about payloads: what travels to a board is complete, unchanged, and nothing more."""

import json
import shutil

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import payload


@pytest.fixture
def folder(tmp_path, request_for, house):
    payload.write(tmp_path / "payload", request_for(wheelhouse=house))
    return tmp_path / "payload"


def edit(folder, **changes):
    path = folder / "release.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_written_is_what_is_read(tmp_path, request_for, house):
    written = payload.write(tmp_path / "payload", request_for(wheelhouse=house))
    assert payload.read(tmp_path / "payload") == written
    payload.verify(tmp_path / "payload", written)
    assert (written.version, written.user) == ("1", "tracker")
    tops = {name.partition("/")[0] for name in written.files}
    assert tops == {"bundle", "wheelhouse", "system"}


def test_only_what_the_bundle_lists_travels(tmp_path, request_for):
    bundle = shutil.copytree(request_for().bundle, tmp_path / "bundle")
    (bundle / "notes.txt").write_text("mine")
    written = payload.write(tmp_path / "payload", request_for(bundle=bundle))
    assert "bundle/notes.txt" not in written.files
    assert written.environment is None


def test_a_changed_a_missing_and_an_added_file_are_found(folder):
    release = payload.read(folder)
    unit = folder / "system/etc/systemd/system/thermedge.service"
    text = unit.read_text()
    unit.write_text(text + "#")
    with pytest.raises(BoardError, match=r"thermedge\.service has sha256"):
        payload.verify(folder, release)
    unit.unlink()
    with pytest.raises(BoardError, match="can't be read"):
        payload.verify(folder, release)
    unit.write_text(text)
    (folder / "bundle/added").touch()
    with pytest.raises(BoardError, match="bundle/added was not sent"):
        payload.verify(folder, release)


@pytest.mark.parametrize("name", ["/etc/passwd", "bundle/../../x", ""])
def test_a_list_that_leads_out_of_the_folder_is_refused(folder, name):
    edit(folder, files={name: "0" * 64})
    with pytest.raises(BoardError, match="leads elsewhere"):
        payload.read(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "not of format 1"),
        ({"more": 1}, "damaged"),
        ({"version": "../1"}, "can't name a release"),
    ],
)
def test_a_description_that_is_not_ours_is_refused(folder, changes, told):
    edit(folder, **changes)
    with pytest.raises(BoardError, match=told):
        payload.read(folder)


def test_half_a_description_is_told_with_what_to_do(folder):
    path = folder / "release.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(BoardError, match="is damaged") as raised:
        payload.read(folder)
    assert "same command again" in raised.value.remedy
    path.unlink()
    with pytest.raises(BoardError, match="can't be read"):
        payload.read(folder)


def test_another_name_changes_nothing_else(folder):
    before = payload.read(folder)
    payload.rename(folder, "2")
    after = payload.read(folder)
    assert (after.version, after.files) == ("2", before.files)
    payload.verify(folder, after)


def test_the_same_wheels_have_the_same_key_and_others_another(house, tmp_path, write_wheel):
    key = payload.environment_key(house)
    assert payload.environment_key(shutil.copytree(house, tmp_path / "copy")) == key
    write_wheel(house, "more")
    assert payload.environment_key(house) != key
