"""Make a folder that is laid out like NVIDIA's Linux_for_Tegra, with programs that only tell.

    python tests/flashing/fake_bsp.py FOLDER --l4t 36.5.0

Every program appends a line of JSON to $FAKE_L4T_LOG: what it was called with, where, by whom.
FAKE_FAIL=name makes the program that $FAKE_FAIL_IN names (all by default) fail as the real one
does; FAKE_HANG=1 makes it wait to be killed. They write what the real ones write when all goes
well, as far as ThermEdge looks at it.
"""

import argparse
import sys
from pathlib import Path

PROGRAM = """\
#!{python}
import json, os, pathlib, sys, time
name = os.path.basename(sys.argv[0])
kept = ("BOARDID", "FAB", "BOARDSKU", "BOARDREV", "CHIP_SKU", "ADDITIONAL_DTB_OVERLAY_OPT")
if "FAKE_L4T_LOG" in os.environ:
    with open(os.environ["FAKE_L4T_LOG"], "a") as log:
        told = dict(program=sys.argv[0], argv=sys.argv[1:], cwd=os.getcwd(), pid=os.getpid(),
                    euid=os.geteuid(),
                    env={{key: os.environ[key] for key in kept if key in os.environ}})
        log.write(json.dumps(told) + "\\n")
texts = {texts!r}
if os.environ.get("FAKE_FAIL_IN", name) == name:
    if "FAKE_HANG" in os.environ:
        print("Waiting for target to boot-up...", end="", flush=True)
        time.sleep(600)
    failure = os.environ.get("FAKE_FAIL")
    if failure:
        print("first line")
        print(texts[failure], file=sys.stderr)
        print("cp: cannot stat 'signed/*': No such file or directory")
        sys.exit(1)
root = pathlib.Path({root!r})
rootfs = root / "rootfs"
if name == "apply_binaries.sh":
    wizard = rootfs / "etc/systemd/system/default.target"
    wizard.unlink(missing_ok=True)
    wizard.symlink_to("/lib/systemd/system/nv-oem-config.target")
    for path in {applied!r}:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text({release!r} if path.endswith("release") else "kernel")
elif name == "l4t_create_default_user.sh":
    user = sys.argv[sys.argv.index("-u") + 1]
    print(f"Creating: Username - {{user}}, Password - MTY5ZDQz, Autologin - false")
    with open(rootfs / "etc/passwd", "a") as file:
        file.write(f"{{user}}:x:1000:1000::/home/{{user}}:/bin/bash\\n")
    with open(rootfs / "etc/shadow", "a") as file:
        file.write(f"{{user}}:$1$salt$hash:20000:0:99999:7:::\\n")
    (rootfs / "etc/systemd/system/default.target").unlink(missing_ok=True)
elif name == "l4t_initrd_flash.sh":
    for dots in range(3):
        print("Waiting for target to boot-up..." if not dots else "...", end="", flush=True)
    print("\\nSSH ready\\nSuccessfully flashed the external device")
    if "FAKE_QUIET_END" not in os.environ:
        print("Flash is successful")
elif name == "nvautoflash.sh":
    print(os.environ.get("FAKE_BOARD", "jetson-orin-nano-devkit") + " found.")
else:
    print("done")
"""
# As people met them.
TEXTS = {
    "usb_write": "ERROR: might be timeout in USB write.",
    "not_in_recovery": "Error: probing the target board failed.",
    "boot_timeout": "Device failed to boot to the initrd flash kernel. Please retry.",
    "eeprom": "Error: Unrecognized module EEPROM",
    "nfs_denied": "mount.nfs: access denied by server while mounting",
    "nfs_missing": "clnt_create: RPC: Program not registered",
    "exec_format": "chroot: failed to run command 'useradd': Exec format error",
    "cpp": "cpp: command not found",
    "chip_info": "cp: cannot stat 'chip_info.bin_bak': No such file or directory",
    "no_nvme": "/dev/nvme0n1: No such file or directory",
    "no_space": "tar: write error: No space left on device",
    "busy": "umount: /rootfs/proc: target is busy.",
}
APPLIED = (
    "rootfs/etc/nv_tegra_release",
    "rootfs/boot/Image",
    "rootfs/boot/initrd",
    "bootloader/l4t_initrd.img",
)
CONFS = {
    32: (
        *("jetson-nano-devkit", "jetson-nano-devkit-emmc", "jetson-nano-2gb-devkit"),
        *("jetson-tx2-devkit", "jetson-tx2-devkit-4gb", "jetson-tx2-devkit-tx2i"),
        *("jetson-xavier-nx-devkit-tx2-nx", "jetson-xavier-nx-devkit"),
        *("jetson-xavier-nx-devkit-emmc", "jetson-agx-xavier-devkit"),
        "jetson-agx-xavier-industrial",
    ),
    35: (
        *("jetson-xavier-nx-devkit", "jetson-xavier-nx-devkit-emmc", "jetson-agx-xavier-devkit"),
        *("jetson-agx-xavier-industrial", "jetson-orin-nano-devkit", "jetson-agx-orin-devkit"),
        "jetson-agx-orin-devkit-industrial",
    ),
    36: (
        *("jetson-orin-nano-devkit", "jetson-orin-nano-devkit-super", "jetson-agx-orin-devkit"),
        "jetson-agx-orin-devkit-industrial",
    ),
    38: ("jetson-agx-thor-devkit", "jetson-agx-thor-t4000"),
    39: (
        *("jetson-orin-nano-devkit", "jetson-orin-nano-devkit-super", "jetson-agx-orin-devkit"),
        *("jetson-agx-orin-devkit-industrial", "jetson-agx-thor-devkit", "jetson-agx-thor-t4000"),
    ),
}
PYTHON = {32: "3.6", 35: "3.8", 36: "3.10", 38: "3.12", 39: "3.12"}
LAYOUTS = {
    35: (
        "tools/kernel_flash/flash_l4t_external.xml",
        "bootloader/t186ref/cfg/flash_t234_qspi.xml",
        "bootloader/t186ref/cfg/flash_l4t_t194_qspi_p3668.xml",
    ),
    36: (
        "tools/kernel_flash/flash_l4t_t234_nvme.xml",
        "bootloader/generic/cfg/flash_t234_qspi.xml",
    ),
}
LAYOUT = """\
<?xml version="1.0"?>
<partition_layout version="01.00.0000">
    <device type="nvme" instance="4" sector_size="512" num_sectors="121909248">
        <partition name="APP" id="1" type="data"><size> APPSIZE </size></partition>
    </device>
</partition_layout>
"""


def make(folder: Path, *, l4t: str = "36.5.0", is_applied: bool = True) -> Path:
    """Make the folder and return it."""
    root = folder.resolve() / "Linux_for_Tegra"
    root.mkdir(parents=True)
    major, _, revision = l4t.partition(".")
    release = (
        f"# R{major} (release), REVISION: {revision}, GCID: 1, BOARD: generic, EABI: aarch64\n"
    )
    _programs(root, int(major), release)
    _confs(root, int(major))
    for layout in LAYOUTS.get(int(major), LAYOUTS[36] if int(major) > 36 else ()):
        _write(root / layout, LAYOUT)
    _write(root / "nv_tegra/nv_tegra_release", release)
    _write(root / "kernel/Image", "kernel")
    _rootfs(root / "rootfs", PYTHON[int(major)])
    if is_applied:
        for path in APPLIED:
            _write(root / path, release if path.endswith("release") else "kernel")
    return root


def _programs(root: Path, major: int, release: str) -> None:
    text = PROGRAM.format(
        python=sys.executable, root=str(root), texts=TEXTS, applied=APPLIED, release=release
    )
    names = [
        *("apply_binaries.sh", "flash.sh", "nvautoflash.sh"),
        *("tools/l4t_create_default_user.sh", "tools/jetson-disk-image-creator.sh"),
        "tools/kernel_flash/l4t_initrd_flash.sh",
    ]
    names += ["l4t_initrd_flash.sh"] if major >= 38 else []
    for name in names:
        _write(root / name, f"{text}# takes --openrm\n" if major >= 38 else text)
        (root / name).chmod(0o755)


def _confs(root: Path, major: int) -> None:
    # In NVIDIA's folder most of them are links too.
    _write(root / "real.conf.common", "ODMDATA=1\n")
    for name in CONFS[major]:
        (root / f"{name}.conf").symlink_to("real.conf.common")


def _rootfs(rootfs: Path, python: str) -> None:
    for name in ("bin/bash", "usr/bin/sudo", f"usr/bin/python{python}"):
        _write(rootfs / name, "")
    (rootfs / "usr/bin/python3").symlink_to(f"python{python}")
    (rootfs / "usr/bin/sudo").chmod(0o4755)
    for name in ("etc/systemd/system", "opt", "var/lib", "boot"):
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    _write(rootfs / "etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:\n")
    _write(rootfs / "etc/shadow", "root:*:20000:0:99999:7:::\n")
    (rootfs / "etc/shadow").chmod(0o640)
    _write(rootfs / "etc/group", "root:x:0:\nvideo:x:44:\nrender:x:109:\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--l4t", default="36.5.0")
    parser.add_argument("--fresh", action="store_true", help="before apply_binaries.sh")
    arguments = parser.parse_args()
    made = make(arguments.folder, l4t=arguments.l4t, is_applied=not arguments.fresh)
    sys.stdout.write(f"{made}\n")
