"""Try the installed wheel where it will run: on real V4L2 drivers, and on an arm64 system.

    make test-camera                        against the drivers; under three minutes when warm
    make test-camera CHECKS="-k shutter"    some checks only: this goes to pytest in the guest
    make test-arm64                         the same boxes on aarch64 as here

Both make a virtual machine. On the host:

1. `debian` gets packages through the host's apt without installing them: qemu, a stock kernel,
   Python. `kernel` picks the modules and builds v4l2loopback; `discs` makes a disc of Python
   and the pinned packages. `cache` keeps all that in $XDG_CACHE_HOME/thermedge/camera_vm, in
   folders named after what they are made from. No root, no KVM; the guest has no network.
2. `discs` builds the wheel of this checkout and installs it on a second, small disc, beside the
   kernel modules, the checks of `guest/`, and the bundle of `hottest`, whose network is quick
   enough for an imitated CPU. `clip` adds a recording with the boxes that are found here.
3. `machine` boots once. `init` stacks both discs and starts `guest/start`: pytest on the files
   guest/check_*.py, or guest/arm64_*.py. Their lines appear as they come.

In the guest, `vivid` is the kernel's test driver with its injected errors; `loopback` is
v4l2loopback, fed by another process with 16-bit pictures whose every pixel is known; and `usb`
is a Lepton on a PureThermal at the far end of a virtual cable, which uvcvideo drives and udev
names as on any machine.

What remains lies in build/camera_vm or build/arm64_vm: console, dmesg, junit.xml, and what the
checks left. The exit status is that of the checks. Where the machine can't be made, a line says
why, and it is 0.
"""

import argparse
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cache
import clip
import debian
import discs
import hottest
import kernel
import machine

HERE = Path(__file__).parent
TIMEOUT_S = 600  # a busy host is slow; after this the guest hangs


@dataclass(frozen=True)
class Kind:
    """One of the two machines."""

    checks: str  # which files of guest/
    modules: tuple[str, ...]
    guest: str | None  # Debian's architecture, None for the host's


KINDS = {
    "camera": Kind("check_*.py", (*kernel.MEDIA, kernel.LOOPBACK), None),
    "arm64": Kind("arm64_*.py", kernel.MEDIA, "arm64"),
}


def main() -> int:
    """Make the machine, run the checks, and say how it went."""
    parser = argparse.ArgumentParser(description="Run the checks of guest/ in a virtual machine.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--checks", default="", help="arguments of pytest in the guest")
    arguments = parser.parse_args()
    results = discs.CHECKOUT / "build" / f"{arguments.kind}_vm"
    try:
        with cache.opened("camera_vm", when_busy=lambda: say("waits for another run")) as kept:
            return run(kept, KINDS[arguments.kind], shlex.split(arguments.checks), results)
    except debian.NotHereError as reason:
        say(f"skipped: {reason}")
        return 0


def run(kept: Path, kind: Kind, checks: list[str], results: Path) -> int:
    """Make the machine, let it run, and return the exit status of its checks."""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=kept) as work:
        guest = make_guest(kept, Path(work), kind, checks)
        say(f"the machine is made, after {time.monotonic() - began:.0f} s")
        status = machine.run(guest, results, timeout_s=TIMEOUT_S)
    say(f"status {status} after {time.monotonic() - began:.0f} s; see {results}")
    return status


def make_guest(kept: Path, work: Path, kind: Kind, checks: list[str]) -> machine.Guest:
    """Return the parts of the machine; what is slow to make comes from the folder `kept`."""
    architecture = machine.ARCHITECTURES[kind.guest or debian.host_architecture()]
    beside_host = debian.Packages(work / "apt-host", besides=debian.HOST_STATUS)
    alone = debian.Packages(work / "apt-guest", architecture.debian)

    def make_kernel(made: Path) -> None:
        kernel.fetch(alone, architecture.debian, made)
        if kernel.LOOPBACK in kind.modules:
            kernel.build_loopback(beside_host, made)

    def make_system(made: Path) -> None:
        discs.make_system(alone, architecture.wheels, made)

    def make_qemu(made: Path) -> None:
        machine.fetch_qemu(beside_host, architecture, made)

    def part(name: str, make: Callable[[Path], None], *sources: str, also: str = "") -> Path:
        texts = [(HERE / source).read_text(encoding="utf-8") for source in sources]
        host = (debian.release(), debian.host_architecture())
        name = f"{name}_{architecture.debian}"
        return cache.kept(kept, name, *host, *kind.modules, *texts, also, make=make)

    qemu = part("qemu", make_qemu, "debian.py", "machine.py")
    core = part("kernel", make_kernel, "debian.py", "kernel.py")
    system = part("system", make_system, "debian.py", "discs.py", also=discs.pins())

    root = work / "root"
    discs.install_wheel((system / "version").read_text(encoding="utf-8"), root)
    kernel.install(core, root, kind.modules)
    shutil.copytree(HERE / "guest", root / "checks")
    arguments = ["--override-ini", f"python_files={kind.checks}", *checks]
    (root / "checks/arguments").write_text(shlex.join(arguments), encoding="utf-8")
    hottest.write(root / "checks/hottest")
    if kind.guest:
        clip.write(root / "checks/clip")
    discs.format_disc(root, work / "wheel.ext4")
    (work / "initramfs").write_bytes(kernel.initramfs(core, system / "busybox", HERE / "init"))
    return machine.Guest(
        architecture=architecture,
        qemu=qemu,
        kernel=core / "vmlinuz",
        initramfs=work / "initramfs",
        discs=(system / "system.ext4", work / "wheel.ext4"),
    )


def say(text: str) -> None:
    """Print a line among those of the guest."""
    sys.stdout.write(f"camera_vm: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
