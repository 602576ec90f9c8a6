"""Facts about the overlay: what it writes into a board's file system, and what it refuses."""

import json
import os
import shutil

import pytest

from thermedge.errors import BoardError, BundleError
from thermedge.files import sha256_of
from thermedge.flashing import overlay, payload

FIRST_BOOT = "etc/systemd/system/thermedge-first-boot.service"


@pytest.fixture
def root(fake_bsp):
    return fake_bsp() / "rootfs"


def contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b""
        for path in root.rglob("*")
    }


def test_every_file_it_writes_is_in_its_manifest(root, request_for, house):
    before = set(contents(root))
    overlay.apply(root, request_for(wheelhouse=house, power_mode="25W"))
    manifest = json.loads((root / overlay.MANIFEST).read_text())
    added = {name for name in set(contents(root)) - before if not (root / name).is_dir()}
    added -= {name for name in added if (root / name).is_symlink()}
    assert added == {*manifest["files"], overlay.MANIFEST}
    for name, told in manifest["files"].items():
        assert told == {"sha256": sha256_of(root / name), "mode": "0644"}
    for link, target in manifest["links"].items():
        assert os.readlink(root / link) == target
        assert (root / target.lstrip("/")).is_file()


def test_a_second_call_changes_nothing(root, request_for, house):
    request = request_for(wheelhouse=house)
    overlay.apply(root, request)
    before = contents(root)
    overlay.apply(root, request)
    assert contents(root) == before


def test_the_first_boot_installs_what_was_brought(root, request_for, house):
    overlay.apply(root, request_for(wheelhouse=house))
    incoming = root / "opt/thermedge/incoming"
    payload.verify(incoming, payload.read(incoming))
    unit = (root / FIRST_BOOT).read_text()
    (line,) = [line for line in unit.splitlines() if line.startswith("Environment=PYTHONPATH=")]
    assert (root / line.rpartition("=")[2].lstrip("/")).is_file()


def test_without_packages_nothing_is_installed_at_the_first_boot(root, request_for):
    overlay.apply(root, request_for())
    assert not (root / FIRST_BOOT).exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"user": "root"}, "can't run as user 'root'"),
        ({"user": "Tracker"}, "can't run as user"),
        ({"arguments": ()}, "arguments are missing"),
        ({"arguments": ("v4l2:auto", "a b")}, "'a b' has a blank"),
        ({"arguments": ("$(reboot)",)}, "another sign"),
        ({"arguments": ("v4l2:auto", "--bundle", "x")}, "service adds its own"),
        ({"power_mode": 'x"y'}, "name of a power mode"),
        ({"version": "a/b"}, "can't name a release"),
    ],
)
def test_what_could_not_run_is_refused(request_for, options, told):
    with pytest.raises(BoardError) as raised:
        overlay.check(request_for(**options))
    assert told in raised.value.problem


def test_a_board_that_keeps_its_arguments_needs_none(request_for):
    overlay.check(request_for(arguments=()), keeps_arguments=True)


def test_a_damaged_bundle_leaves_the_file_system_as_it_was(root, request_for, tmp_path):
    bundle = shutil.copytree(request_for().bundle, tmp_path / "bundle")
    (bundle / "track.onnx").write_bytes(b"x")
    before = contents(root)
    with pytest.raises(BundleError):
        overlay.apply(root, request_for(bundle=bundle))
    assert contents(root) == before


def test_a_folder_that_is_no_board_is_refused(tmp_path, request_for):
    with pytest.raises(BoardError, match="no board's file system"):
        overlay.apply(tmp_path, request_for())
    assert not (tmp_path / "opt").exists()


def test_an_old_python_is_refused(fake_bsp, request_for):
    with pytest.raises(BoardError, match=r"has Python 3\.8; thermedge needs 3\.10"):
        overlay.apply(fake_bsp("35.6.1") / "rootfs", request_for())


def test_a_link_out_of_the_file_system_is_not_followed(root, request_for, tmp_path):
    (root / "opt").rmdir()
    (root / "opt").symlink_to(tmp_path)
    with pytest.raises(BoardError, match="leads out of"):
        overlay.apply(root, request_for())
    assert not (tmp_path / "thermedge").exists()


def test_wheels_for_another_machine_are_refused(root, request_for, house, write_wheel):
    write_wheel(house, "numpy", tags="cp310-cp310-manylinux_2_28_x86_64")
    with pytest.raises(BoardError, match="does not run on the board"):
        overlay.apply(root, request_for(wheelhouse=house))


def test_the_plan_tells_all_that_is_asked(request_for, house):
    told = "\n".join(overlay.steps(request_for(wheelhouse=house, power_mode="25W")))
    for fact in ("release 1", "2 packages", "v4l2:auto", "as tracker", "power mode 25W"):
        assert fact in told
    assert "they follow with thermedge deploy" in "\n".join(overlay.steps(request_for()))
