import json
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import arm64_root
import cache
import debian
import pytest

from thermedge.files import sha256_of
from thermedge.flashing import overlay

pytestmark = pytest.mark.deploy

UNITS = ("thermedge.service", "thermedge-first-boot.service", "thermedge-power.service")


@pytest.fixture(scope="module")
def system(kept):
    """The unpacked arm64 system; not to be changed."""
    source = Path(arm64_root.__file__).read_text()
    parts = (debian.release(), source)
    return cache.kept(kept, "arm64", *parts, make=arm64_root.make_root) / "root"


@pytest.fixture(scope="module")
def qemu(kept):
    source = Path(arm64_root.__file__).read_text()
    return (
        cache.kept(kept, "qemu-user", debian.release(), source, make=arm64_root.make_qemu) / "qemu"
    )


@pytest.fixture(scope="module")
def minor(system):
    return int((system / "usr/bin/python3").readlink().name.removeprefix("python3."))


@pytest.fixture(scope="module")
def flashed(kept, system, minor, make_wheelhouse, bundle):
    """The system with the overlay, as it would be written to a board; and its request."""
    with tempfile.TemporaryDirectory(dir=kept) as work:
        root = Path(work, "root")
        debian.run("cp", "-al", str(system), str(root))
        for name in ("etc/passwd", "etc/group"):  # changed in place by some tools
            text = (root / name).read_text()
            (root / name).unlink()
            (root / name).write_text(text)
        request = overlay.OverlayRequest(
            version="1",
            board="orin-nano-8gb-devkit-super",
            bundle=bundle,
            wheelhouse=make_wheelhouse(minor, "aarch64"),
            user="tracker",
            arguments=("v4l2:auto", "--control", "/run/thermedge/control.sock"),
            power_mode="25W",
        )
        overlay.apply(root, request)
        yield root, request


def test_every_file_of_the_overlay_is_listed_with_what_it_is(flashed):
    root, _ = flashed
    listed = json.loads((root / overlay.MANIFEST).read_text())
    for name, told in listed["files"].items():
        path = root / name
        assert sha256_of(path) == told["sha256"]
        assert f"{stat.S_IMODE(path.stat().st_mode):04o}" == told["mode"] == "0644"
        assert path.stat().st_uid == 0
    enabled = {Path(link).name for link in listed["links"]}
    assert enabled == set(UNITS)


def test_systemd_finds_nothing_to_say_about_our_units(flashed):
    root, _ = flashed
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing")
    # What they start exists on the board only when it is installed.
    for unit in UNITS:
        done = subprocess.run(
            ["systemd-analyze", "verify", f"--root={root}", "--man=no", "--recursive-errors=no",
             f"{root}/etc/systemd/system/{unit}"],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        said = [line for line in done.stderr.splitlines() if "thermedge" in line]
        missing = [ln for ln in said if "is not executable: No such file" in ln]
        assert [line for line in said if line not in missing] == []
        assert all("/opt/thermedge/current/" in line for line in missing)


def test_systemd_would_find_a_mistake_in_them(flashed):
    root, _ = flashed
    unit = root / "etc/systemd/system/thermedge-mistaken.service"
    unit.write_text(
        (root / "etc/systemd/system/thermedge.service").read_text() + "[Service]\nUzer=x\n"
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={root}", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    unit.unlink()
    assert any("thermedge-mistaken" in line and "Uzer" in line for line in done.stderr.splitlines())


def test_the_first_boot_installs_and_the_self_test_passes_on_arm64(flashed, qemu):
    root, _ = flashed
    unit = (root / "etc/systemd/system/thermedge-first-boot.service").read_text()
    (path,) = [ln.partition("=")[2] for ln in unit.splitlines() if ln.startswith("Environment=")]
    (start,) = [ln.partition("=")[2] for ln in unit.splitlines() if ln.startswith("ExecStart=")]
    # Compiling is what a first boot spends most time on, and a test can do without.
    settings = f"{path} PIP_NO_COMPILE=1 OMP_NUM_THREADS=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin"

    done = arm64_root.run(root, qemu, f"/usr/bin/env -i {settings} {start}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 is current; service: no systemd here" in done.stdout
    assert "self-test passed: hottest" in done.stdout
    assert (root / "opt/thermedge/current").readlink() == Path("releases/1")
    assert not (root / "opt/thermedge/incoming").exists()
    assert json.loads((root / "var/lib/thermedge/progress.json").read_text())["state"] == "done"
    assert "tracker:x:" in (root / "etc/passwd").read_text()
    groups = dict(line.split(":")[::3] for line in (root / "etc/group").read_text().splitlines())
    assert groups["video"] == groups["render"] == "tracker"
