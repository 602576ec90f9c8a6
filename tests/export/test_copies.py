from dataclasses import replace

import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BundleError
from thermedge.export import copies


@pytest.fixture
def shipped():
    return bundle.read(find("default"))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_added_is_listed_with_its_checksum(shipped, tmp_path):
    def add(draft, manifest):
        (draft / "note.txt").write_text("more")
        return replace(manifest, name="other")

    copies.extend(shipped, tmp_path / "more", "more", finish=add)
    made = bundle.read(tmp_path / "more")
    assert made.path("note.txt").read_text() == "more"
    assert (made.manifest.name, made.manifest.precision) == ("other", "int8")
    assert made.manifest.track == shipped.manifest.track


def test_a_failure_leaves_the_older_bundle_and_nothing_else(shipped, tmp_path):
    folder = tmp_path / "mine"
    copies.extend(shipped, folder, "mine", finish=copies.unchanged)
    before = contents(folder)

    def fail(draft, manifest):
        raise BundleError("The budget is not met.", "Stay with fp32.")

    with pytest.raises(BundleError, match="budget"):
        copies.extend(shipped, folder, "mine", finish=fail)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_bundle_can_be_extended_in_its_own_place(shipped, tmp_path):
    folder = tmp_path / "mine"
    copies.extend(shipped, folder, "mine", finish=copies.unchanged)
    copies.extend(bundle.read(folder), folder, "again", finish=copies.unchanged)
    assert bundle.read(folder).manifest.name == "again"


def test_a_link_stays_a_link_and_the_bundle_behind_it_is_replaced(shipped, tmp_path):
    folder, link = tmp_path / "mine", tmp_path / "current"
    copies.extend(shipped, folder, "mine", finish=copies.unchanged)
    link.symlink_to(folder)
    for name in ("again", "once more"):
        copies.extend(shipped, link, name, finish=copies.unchanged)
    assert link.is_symlink()
    assert bundle.read(folder).manifest.name == "once more"
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "current"}


def test_a_folder_that_is_no_bundle_is_never_overwritten(shipped, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with pytest.raises(BundleError, match="is not a bundle"):
        copies.extend(shipped, tmp_path / "letters", "x", finish=copies.unchanged)
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"


def test_a_bundle_beside_other_files_is_never_replaced(shipped, tmp_path):
    folder = tmp_path / "mine"
    copies.extend(shipped, folder, "mine", finish=copies.unchanged)
    (folder / "thesis.txt").write_text("all of it")
    with pytest.raises(BundleError, match=r"also holds 'thesis\.txt'"):
        copies.extend(shipped, folder, "mine", finish=copies.unchanged)
    assert (folder / "thesis.txt").read_text() == "all of it"


def test_a_file_called_manifest_makes_no_bundle(shipped, tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web/manifest.json").write_text('{"short_name": "page"}')
    (tmp_path / "web/page.html").write_text("hello")
    with pytest.raises(BundleError):
        copies.extend(shipped, tmp_path / "web", "x", finish=copies.unchanged)
    assert (tmp_path / "web/page.html").read_text() == "hello"


def test_all_precisions_are_taken_over_with_what_was_measured(shipped, tmp_path):
    copies.extend(shipped, tmp_path / "same", "same", finish=copies.unchanged)
    made = bundle.read(tmp_path / "same")
    assert made.manifest == replace(shipped.manifest, name="same")
    before = contents(shipped.folder)
    assert {name: before[name] for name in made.manifest.files} == {
        name: data for name, data in contents(made.folder).items() if name != bundle.MANIFEST
    }


def test_int8_that_is_left_behind_takes_along_what_was_measured_with_it(shipped, tmp_path):
    copies.extend(shipped, tmp_path / "x", "x", finish=copies.unchanged, without=("int8",))
    made = bundle.read(tmp_path / "x")
    assert (made.manifest.precision, made.manifest.int8, made.manifest.confidence) == (
        "fp32", None, None,
    )  # fmt: skip
    assert sorted(made.manifest.files) == sorted(bundle.REQUIRED)
    card = made.path(bundle.MODEL_CARD).read_text()
    assert "int8" not in card.lower()
    assert "## Limits" in card
    assert card.endswith("can swap.\n")
