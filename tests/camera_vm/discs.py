"""The guest's two discs: a Debian system with Python and the pinned packages, and our wheel.

They are stacked, read-only, with memory on top. So a change of the code makes the small disc
anew, and the guest runs what users get: the wheel, installed, beside the packages it asks for.
"""

import compileall
import configparser
import os
import py_compile
import shutil
import sys
from pathlib import Path

from debian import NotHereError, Packages, run

CHECKOUT = Path(__file__).parents[2]
SITE = "usr/local/lib/python{version}/dist-packages"  # where Debian's Python looks first
DEBS = ("python3", "libstdc++6", "busybox-static", "udev")
USERS = "root:x:0:0::/tmp:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n"
GROUPS = "root:x:0:\nvideo:x:44:\nnogroup:x:65534:\n"
# What a file of a package is good for, but not here; takes room and time.
NEEDLESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")


def requirements() -> list[str]:
    """Return what the checks need: the wheel's dependencies, its extra for cameras, pytest."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    extra = setup["options.extras_require"]["camera"].split(";")
    base = setup["options"]["install_requires"].strip().splitlines()
    return [*base, *(name.strip() for name in extra), "pytest"]


def pins() -> str:
    """Return what decides about the packages on the large disc."""
    constraints = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8")
    return "\n".join([*requirements(), constraints])


def make_system(packages: Packages, machine: str, folder: Path) -> None:
    """Make the large disc, `system.ext4`; `version` tells its Python, `busybox` is its shell.

    Args:
        packages: Of the guest's architecture.
        machine: The architecture as the names of wheels have it, x86_64 or aarch64.
        folder: Filled.
    """
    root = folder / "root"
    packages.unpack(packages.needed(*DEBS), root)
    for path in NEEDLESS:
        shutil.rmtree(root / path, ignore_errors=True)
    (root / "bin/sh").symlink_to("busybox")
    (root / "etc/passwd").write_text(USERS, encoding="utf-8")
    (root / "etc/group").write_text(GROUPS, encoding="utf-8")
    version = os.readlink(root / "usr/bin/python3").removeprefix("python")
    pins = CHECKOUT / "constraints.txt"
    wanted = ("--constraint", str(pins), *requirements())
    _pip(root, version, *_platforms(machine), "--only-binary=:all:", *wanted)
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        # Compiling is slow in there, and only the same Python can do it beforehand.
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(root, quiet=2, workers=0, stripdir=root, invalidation_mode=mode)
    (folder / "version").write_text(version, encoding="utf-8")
    shutil.copy(root / "bin/busybox", folder)
    format_disc(root, folder / "system.ext4")
    shutil.rmtree(root)


def install_wheel(version: str, root: Path) -> None:
    """Build the wheel of this checkout and install it below `root`."""
    wheels = root.parent / "wheels"
    source = root.parent / "source"
    _copy_sources(source)
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source))
    run(sys.executable, "-m", "pip", "--quiet", *build)
    (wheel,) = wheels.glob("*.whl")
    _pip(root, version, "--no-deps", "--no-index", str(wheel))


def format_disc(root: Path, disc: Path) -> None:
    """Write a file system with the contents of `root`."""
    mkfs = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if mkfs is None:
        raise NotHereError("mkfs.ext4 is missing: it is in Debian's e2fsprogs")
    files = [path.lstat() for path in root.rglob("*")]
    kib = sum(-(-file.st_size // 4096) * 4 for file in files) * 11 // 10 + 4096
    options = ("-O", "^has_journal", "-m", "0", "-N", str(len(files) + 1000))
    run(mkfs, "-q", *options, "-E", "root_owner=0:0", "-d", str(root), str(disc), f"{kib}k")


def _pip(root: Path, version: str, *arguments: str) -> None:
    """Install for the guest's Python, which can't run on the host."""
    site = root / SITE.format(version=version)
    target = ("--target", str(site), "--python-version", version)
    run(sys.executable, "-m", "pip", "install", "--quiet", *target, *arguments)
    programs = root / "usr/local/bin"
    programs.mkdir(parents=True, exist_ok=True)
    for program in (site / "bin").iterdir():
        _, _, body = program.read_text(encoding="utf-8").partition("\n")
        program.write_text(f"#!/usr/bin/python3\n{body}", encoding="utf-8")  # was the host's
        program.rename(programs / program.name)
    (site / "bin").rmdir()


def _platforms(machine: str) -> list[str]:
    names = ("manylinux_2_28", "manylinux_2_27", "manylinux2014", "manylinux_2_17")
    return [f"--platform={name}_{machine}" for name in names]


def _copy_sources(folder: Path) -> None:
    """Copy what the wheel is made of: a build leaves files behind, and may find old ones."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    folder.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, folder)
    places = setup["options"]["package_dir"].strip().splitlines()
    for name in (place.partition("=")[2].strip() for place in places):
        shutil.copytree(
            CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
