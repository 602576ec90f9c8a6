import dataclasses
import json
import os
import runpy
from pathlib import Path

import pytest

from thermedge.errors import BoardError, BundleError
from thermedge.flashing import overlay
from thermedge.flashing.overlay import OverlayRequest

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))


@pytest.fixture
def wanted(tmp_path):
    house = tmp_path / "house"
    house.mkdir()
    TINY["write_wheel"](house)
    TINY["write_wheel"](house, "pip")
    return OverlayRequest(
        version="v1",
        board="orin-nano-8gb-devkit-super",
        bundle=TINY["write_bundle"](tmp_path / "bundle"),
        wheelhouse=house,
        user="tracker",
        arguments=("v4l2:auto", "--control", "/run/thermedge/control.sock"),
        power_mode="25W",
    )


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/python3").symlink_to("python3.10")
    return root


def files_below(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_first_boot_finds_all_it_needs(root, wanted):
    overlay.apply(root, wanted)
    unit = (root / "etc/systemd/system/thermedge-first-boot.service").read_text()
    wheel = "/opt/thermedge/incoming/wheelhouse/thermedge-9.9-py3-none-any.whl"
    assert f"Environment=PYTHONPATH={wheel}\n" in unit
    assert (root / wheel.lstrip("/")).is_file()
    assert (root / "opt/thermedge/incoming/bundle/manifest.json").is_file()
    links = json.loads((root / overlay.MANIFEST).read_text())["links"]
    assert all((root / link).is_symlink() for link in links)


def test_a_second_time_changes_nothing(root, wanted):
    overlay.apply(root, wanted)
    before = files_below(root)
    overlay.apply(root, wanted)
    assert files_below(root) == before


def test_without_packages_no_first_boot_waits_for_them(root, wanted):
    bare = dataclasses.replace(wanted, wheelhouse=None)
    overlay.apply(root, bare)
    assert not (root / "etc/systemd/system/thermedge-first-boot.service").exists()
    assert any("deploy --wheelhouse" in step for step in overlay.steps(bare))


def test_an_overlay_leaves_no_unit_of_the_one_before(root, wanted):
    overlay.apply(root, wanted)
    overlay.apply(root, dataclasses.replace(wanted, wheelhouse=None, power_mode=None))
    units = root / "etc/systemd/system"
    assert sorted(path.name for path in units.rglob("*.service")) == ["thermedge.service"] * 2


def test_the_steps_tell_what_happens(wanted):
    told = "\n".join(overlay.steps(wanted))
    assert "release v1" in told
    assert "2 packages" in told
    assert "as tracker" in told
    assert "25W" in told


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"user": "root"}, "can't run as user 'root'"),
        ({"user": "Tracker One"}, "can't run as user"),
        ({"version": "../x"}, "can't name a release"),
        ({"arguments": ()}, "arguments are missing"),
        ({"arguments": ('a"; rm -rf /',)}, "a systemd unit would change"),
        ({"arguments": ("$HOME",)}, "a systemd unit would change"),
        ({"arguments": ("v4l2:auto", "--bundle", "x")}, "adds its own"),
        ({"arguments": ("v4l2:auto", "--bundle=x")}, "adds its own"),
        ({"arguments": ("v4l2:auto", "--bund", "x")}, "adds its own"),
        ({"arguments": ("v4l2:auto", "--bu=x")}, "adds its own"),
        ({"power_mode": '25W"\nExecStart=x'}, "can't be the name of a power mode"),
        ({"board": "toaster"}, "toaster"),
    ],
)
def test_what_could_not_run_is_refused_before_anything_is_written(root, wanted, changes, problem):
    before = files_below(root)
    with pytest.raises(BoardError, match=problem):
        overlay.apply(root, dataclasses.replace(wanted, **changes))
    assert files_below(root) == before


@pytest.mark.parametrize("argument", ["--backend", "--backend=ort", "--", "bundle", "-"])
def test_an_argument_that_is_no_bundle_passes(wanted, argument):
    overlay.check(dataclasses.replace(wanted, arguments=("v4l2:auto", argument)))


def test_a_damaged_bundle_is_refused(root, wanted):
    (wanted.bundle / "golden.npz").write_bytes(b"")
    with pytest.raises(BundleError):
        overlay.apply(root, wanted)


@pytest.mark.parametrize(
    ("python", "problem"),
    [("python3.8", "has Python 3.8"), ("elsewhere", "no version"), (None, "no board's")],
)
def test_a_system_that_it_does_not_run_on_is_refused(root, wanted, python, problem):
    (root / "usr/bin/python3").unlink()
    if python is not None:
        (root / "usr/bin/python3").symlink_to(python)
    with pytest.raises(BoardError, match=problem):
        overlay.apply(root, wanted)
    assert not (root / "opt").exists()


def test_wheels_for_another_python_are_refused(root, wanted):
    TINY["write_wheel"](wanted.wheelhouse, "numpy", tags="cp312-cp312-manylinux_2_28_aarch64")
    with pytest.raises(BoardError, match=r"Python 3\.10"):
        overlay.apply(root, wanted)


def test_a_link_never_leads_the_overlay_onto_this_machine(root, wanted, tmp_path):
    (tmp_path / "mine").mkdir()
    (root / "opt").symlink_to(tmp_path / "mine")
    with pytest.raises(BoardError, match="leads out of"):
        overlay.apply(root, wanted)
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_place_that_can_not_be_written_has_one_clear_error(root, wanted):
    (root / "opt").write_text("a file")
    with pytest.raises(BoardError, match="can't be written below"):
        overlay.apply(root, wanted)


def test_a_half_written_copy_of_before_is_thrown_away(root, wanted):
    (root / "opt/thermedge/.incoming.partial/bundle").mkdir(parents=True)
    overlay.apply(root, wanted)
    assert os.listdir(root / "opt/thermedge") == ["incoming"]
