"""A fake Linux_for_Tegra, and a workstation on which every check passes."""

import dataclasses
import runpy
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from thermedge import board_configs, bundles
from thermedge.flashing import bsp, plan
from thermedge.flashing.checks.finding import Planned
from thermedge.flashing.machine import Finished, Machine
from thermedge.flashing.overlay import OverlayRequest

FAKE = runpy.run_path(str(Path(__file__).with_name("fake_bsp.py")))
BOARD = "orin-nano-8gb-devkit-super"
PROGRAMS = (
    *("sshpass", "abootimg", "cpp", "dtc", "xmllint", "lbzip2", "lz4", "zstd", "openssl", "cpio"),
    *("uuidgen", "mkfs.vfat", "sgdisk", "exportfs", "showmount", "qemu-aarch64-static"),
)
BINFMT = """\
enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: POCF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
"""
FILES = {
    "proc/version": "Linux version 6.8.0",
    "proc/filesystems": "nodev\tnfsd\n\text4\n",
    "proc/self/mounts": "sunrpc /run/rpc_pipefs rpc_pipefs rw 0 0\n",
    "proc/sys/net/ipv6/conf/all/disable_ipv6": "0\n",
    "proc/sys/fs/binfmt_misc/qemu-aarch64": BINFMT,
    "sys/module/usbcore/parameters/autosuspend": "-1\n",
    "sys/module/usbcore/parameters/usbfs_memory_mb": "16\n",
    "etc/exports": "",
}
GIB = 2**30
ANSWERS = {
    "uname -m": Finished(0, "x86_64\n"),
    "id -u": Finished(0, "0\n"),
    "systemd-detect-virt": Finished(1, "none\n"),
    "python3 -c import yaml": Finished(0),
    "systemctl is-active --quiet nfs-server": Finished(0),
    "showmount -e localhost": Finished(0, "Export list for localhost:\n"),
    "stat -f": Finished(0, "ext2/ext3\n"),
    "stat -c %u %a": Finished(0, "0 4755\n"),
    "stat -c %a": Finished(0, "600\n"),
    "df -B1": Finished(0, f"Avail\n{200 * GIB}\n"),
    "du -sxB1": Finished(0, f"{8 * GIB}\t/rootfs\n"),
}


class Runner:
    """Answers by the beginning of a command line; what it doesn't know is not installed."""

    def __init__(self) -> None:
        self.answers = dict(ANSWERS)
        self.asked: list[list[str]] = []

    def __call__(self, argv) -> Finished:
        self.asked.append(list(argv))
        line = " ".join(argv)
        known = [start for start in self.answers if line.startswith(start)]
        return self.answers[max(known, key=len)] if known else Finished(127)


class Workstation:
    """Files below a root, programs that answer, a board on USB, a plan: all well at first."""

    def __init__(self, root: Path, tree: Path) -> None:
        self.root, self.tree, self.runner = root, tree, Runner()
        self.environ: dict[str, str] = {}
        for path, text in FILES.items():
            self.write(path, text)
        for name in PROGRAMS:
            self.write(f"usr/bin/{name}", "")
        self.plug("3-4", "7523")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def answer(self, start: str, status: int = 0, out: str = "") -> None:
        self.runner.answers[start] = Finished(status, out)

    def plug(
        self, instance: str, product: str, *, vendor: str = "0955", speed: str = "480"
    ) -> None:
        bus, _, devpath = instance.partition("-")
        folder = f"sys/bus/usb/devices/{instance}"
        names = {"idVendor": vendor, "idProduct": product, "busnum": bus, "devpath": devpath}
        for name, value in {**names, "speed": speed}.items():
            self.write(f"{folder}/{name}", f"{value}\n")

    def unplug(self) -> None:
        import shutil

        shutil.rmtree(self.root / "sys/bus/usb/devices")

    @property
    def machine(self) -> Machine:
        return Machine(self.root, self.runner, self.environ)

    def wanted(self, board: str = BOARD, **options) -> plan.Wanted:
        overlay = {
            "version": "0.1.0-test",
            "board": board,
            "bundle": bundles.find("default"),
            "wheelhouse": None,
            "user": "thermedge",
            "arguments": ("v4l2:auto", "--control", "/run/thermedge/control.sock"),
        } | options.pop("overlay", {})
        return plan.Wanted(
            board=board_configs.read(board),
            bsp=bsp.look(self.tree),
            overlay=OverlayRequest(**overlay),
            **({"login": plan.Login(user="tracker", host="te-01")} | options),
        )

    def subject(self, board: str = BOARD, *, steps=None, **options) -> Planned:
        extra = {key: options.pop(key) for key in ("is_executing", "yes_erase") if key in options}
        wanted = self.wanted(board, **options)
        made = plan.make(wanted)
        if steps is not None:
            made = dataclasses.replace(
                made, steps=tuple(step for step in made.steps if step.name in steps)
            )
        return Planned(machine=self.machine, bsp=wanted.bsp, board=wanted.board, plan=made, **extra)


@pytest.fixture
def fake_bsp(tmp_path) -> Callable[..., Path]:
    """Return a function that makes a fake Linux_for_Tegra of an L4T version."""

    def make(l4t: str = "36.5.0", **options) -> Path:
        return FAKE["make"](tmp_path / f"bsp-{l4t}", l4t=l4t, **options)

    return make


@pytest.fixture
def workstation(tmp_path, fake_bsp) -> Workstation:
    """A workstation with Orin Nano's L4T 36.5.0 and its board in recovery."""
    return Workstation(tmp_path / "root", fake_bsp())


@pytest.fixture
def workstation_with(tmp_path, fake_bsp) -> Callable[..., Workstation]:
    """Return a function that makes one with a Linux_for_Tegra of your choice."""

    def make(l4t: str = "36.5.0", **options) -> Workstation:
        return Workstation(tmp_path / f"root-{l4t}", fake_bsp(l4t, **options))

    return make


@pytest.fixture
def request_for() -> Callable[..., OverlayRequest]:
    """Return a function that makes a request for the default bundle, without packages."""

    def make(**options) -> OverlayRequest:
        values = {
            "version": "1",
            "board": BOARD,
            "bundle": bundles.find("default"),
            "wheelhouse": None,
            "user": "tracker",
            "arguments": ("v4l2:auto", "--control", "/run/thermedge/control.sock"),
        }
        return OverlayRequest(**(values | options))

    return make


@pytest.fixture
def write_wheel() -> Callable[..., Path]:
    """Return a function that writes a small wheel, and gives its path."""

    def write(folder: Path, name: str, *, tags: str = "py3-none-any", needs=(), files=()) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-1.0-{tags}.whl"
        info = f"{name}-1.0.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += [f"Requires-Dist: {need}" for need in needs]
        about = ["Wheel-Version: 1.0", "Generator: x", "Root-Is-Purelib: true", f"Tag: {tags}"]
        contents = {
            **dict(files),
            f"{info}/METADATA": "\n".join(lines) + "\n",
            f"{info}/WHEEL": "\n".join(about) + "\n",
        }
        listed = "".join(f"{inside},,\n" for inside in [*contents, f"{info}/RECORD"])
        with zipfile.ZipFile(path, "w") as archive:
            for inside, text in {**contents, f"{info}/RECORD": listed}.items():
                archive.writestr(inside, text)
        return path

    return write


@pytest.fixture
def house(tmp_path, write_wheel) -> Path:
    """A wheelhouse that has no more than it must."""
    for name in ("thermedge", "pip"):
        write_wheel(tmp_path / "house", name)
    return tmp_path / "house"
