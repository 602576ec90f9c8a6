"""NVIDIA's board support package: the unpacked folder Linux_for_Tegra."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from thermedge.board_configs import l4t
from thermedge.errors import BoardError

APPLY_BINARIES = "apply_binaries.sh"
CREATE_USER = "tools/l4t_create_default_user.sh"
IMAGE_CREATOR = "tools/jetson-disk-image-creator.sh"
FLASH = "flash.sh"
INITRD_FLASH = "tools/kernel_flash/l4t_initrd_flash.sh"
UNIFIED_FLASH = "l4t_initrd_flash.sh"  # at the top since R38, for whole-board layouts
PRINT_BOARD = "nvautoflash.sh"

# What apply_binaries.sh leaves behind.
APPLIED = (
    "rootfs/etc/nv_tegra_release",
    "rootfs/boot/Image",
    "rootfs/boot/initrd",
    "bootloader/l4t_initrd.img",
)


@dataclass(frozen=True, slots=True)
class Bsp:
    """One such folder, and what it says of itself."""

    root: Path  # absolute
    l4t: str | None  # "36.5.0"; None: it isn't told
    rootfs_l4t: str | None  # of the root file system; None before apply_binaries.sh

    @property
    def rootfs(self) -> Path:
        """The board's future root file system."""
        return self.root / "rootfs"

    @property
    def has_tools(self) -> bool:
        """Whether this looks like the folder at all."""
        return (self.root / FLASH).is_file() and (self.root / APPLY_BINARIES).is_file()

    @property
    def is_applied(self) -> bool:
        """Whether apply_binaries.sh ran, to its end or not."""
        return (self.root / APPLIED[0]).is_file()

    def has(self, path: str) -> bool:
        """Return whether a file is there; a link that leads nowhere is not."""
        return (self.root / path).exists()

    def confs(self) -> list[str]:
        """Return the names that flash.sh knows."""
        return sorted(path.stem for path in self.root.glob("*.conf") if path.exists())

    def known_arguments(self, script: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """Return those arguments that the text of a script mentions."""
        try:
            text = (self.root / script).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ()
        return tuple(one for one in arguments if one in text)


def look(folder: Path) -> Bsp:
    """Look at a folder; whatever it lacks is None.

    Raises:
        BoardError: Whoever asks may not look into it.
    """
    root = folder.resolve()
    try:
        (root / FLASH).stat()
    except PermissionError as error:
        raise BoardError(f"{root} can't be read: {error.strerror}.", "Run it with sudo.") from error
    except OSError:
        pass  # a check tells what is missing
    rootfs_l4t = _release(root / APPLIED[0])
    own = [*root.glob("nv_tegra/nv_tegra_release"), *root.glob("nv_tegra/*/nv_tegra_release")]
    stated = next((one for path in own if (one := _release(path))), None)
    return Bsp(root, stated or rootfs_l4t, rootfs_l4t)


def device_bytes(layout: Path) -> int | None:
    """Return the size of the medium that a partition layout is for.

    Returns:
        Of its first device; None if the file can't be read or doesn't tell.
    """
    try:
        device = ElementTree.parse(layout).getroot().find("device")
    except (OSError, ElementTree.ParseError):
        return None
    if device is None:
        return None
    numbers = [device.get(name, "") for name in ("sector_size", "num_sectors")]
    if not all(re.fullmatch(r"\s*\d+\s*", number) for number in numbers):
        return None
    return int(numbers[0]) * int(numbers[1])


def _release(path: Path) -> str | None:
    try:
        return l4t.from_release_file(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
