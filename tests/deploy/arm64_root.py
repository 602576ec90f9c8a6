"""A board's file system: Debian's arm64 packages, unpacked, and a qemu to run them.

The kernel learns to run arm64 programs in a user namespace of its own, so that the rest of this
machine does not notice. That needs Linux 6.7; where it is older the tests are skipped.
"""

import os
import shutil
import subprocess
from pathlib import Path

import debian

PACKAGES = ("python3", "libstdc++6", "systemd", "udev", "dash", "coreutils", "libgomp1")
PASSWD = "root:x:0:0::/root:/bin/sh\n"
GROUPS = "root:x:0:\nvideo:x:44:\nnogroup:x:65534:\n"
NEEDLESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
# An ELF header of 64 bits for AArch64; F opens qemu now, so that it is found after chroot.
BINFMT = (
    r":aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    ":{qemu}:F"
)
ENTER = """\
set -e
read go
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' '{binfmt}' > /proc/sys/fs/binfmt_misc/register
mount --rbind /dev {root}/dev
mount --rbind /proc {root}/proc
mount -t tmpfs tmpfs {root}/run
mount -t tmpfs tmpfs {root}/tmp
exec chroot {root} {command}
"""


def make_root(folder: Path) -> None:
    """Unpack the system below `folder`/root."""
    root = folder / "root"
    packages = debian.Packages(folder / "apt", "arm64")
    packages.unpack(packages.needed(*PACKAGES), root)
    shutil.rmtree(folder / "apt")
    for path in NEEDLESS:
        shutil.rmtree(root / path, ignore_errors=True)
    for name in ("bin", "sbin", "lib"):  # one of each, as on an installed system
        if (root / name).is_dir():
            debian.run("cp", "-a", f"{root / name}/.", str(root / "usr" / name))
            shutil.rmtree(root / name)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "run", "tmp", "root", "etc/systemd/system", "opt", "var/lib"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/sh").unlink(missing_ok=True)
    (root / "usr/bin/sh").symlink_to("dash")
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUPS)


def make_qemu(folder: Path) -> None:
    """Unpack qemu for the programs of arm64."""
    packages = debian.Packages(folder / "apt", besides=debian.HOST_STATUS)
    packages.unpack({"qemu-user-static"}, folder / "root")
    shutil.move(folder / "root/usr/bin/qemu-aarch64-static", folder / "qemu")
    for name in ("apt", "root"):
        shutil.rmtree(folder / name)


def run(root: Path, qemu: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the arm64 system, as root of its namespace.

    Raises:
        NotHereError: This kernel does not let a namespace run foreign programs.
    """
    script = ENTER.format(binfmt=BINFMT.format(qemu=qemu), root=root, command=command)
    process = subprocess.Popen(
        ["unshare", "--user", "--mount", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ours = os.readlink("/proc/self/ns/user")
    while os.readlink(f"/proc/{process.pid}/ns/user") == ours and process.poll() is None:
        os.sched_yield()
    # Not by newuidmap, which may be missing: root may write the map itself.
    for kind in ("uid", "gid"):
        Path(f"/proc/{process.pid}/{kind}_map").write_text("0 0 65536\n")
    out, err = process.communicate("go\n", timeout=600)
    if "binfmt_misc" in err:
        raise debian.NotHereError(f"this kernel runs no foreign programs: {err.strip()}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)
