"""Set a Jetson's power mode by its name: the numbers differ between boards and releases."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from thermedge.errors import BoardError

CONFIGURATION = "etc/nvpmodel.conf"
_MODE = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.M)
_QUERY = re.compile(r"^NV Power Mode:\s*(\S+)", re.M)


def modes(root: Path = Path("/")) -> dict[str, int]:
    """Return name -> id of the modes that this board has.

    Raises:
        BoardError: The file is missing, or lists none.
    """
    path = root / CONFIGURATION
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BoardError(
            f"{path} can't be read: {error.strerror}.",
            "Power modes are a Jetson's; leave the power mode out on other machines.",
        ) from error
    found = {name: int(number) for number, name in _MODE.findall(text)}
    if not found:
        raise BoardError(f"{path} lists no power modes.", "Reinstall JetPack's nvidia-l4t-nvpmodel")
    return found


def offered(rootfs: Path) -> set[str]:
    """Return the names that any board has with a root file system that is not flashed yet.

    The board itself chooses one of the files at its first boot; before apply_binaries.sh there
    are none.
    """
    texts = (
        path.read_text(encoding="utf-8", errors="replace")
        for path in rootfs.glob("etc/nvpmodel/*.conf")
        if path.is_file()
    )
    return {name for text in texts for _, name in _MODE.findall(text)}


def set_mode(name: str, root: Path = Path("/")) -> int:
    """Bring the board into the mode `name`, and return the mode's id.

    Raises:
        BoardError: No mode has this name, nvpmodel fails, or the mode needs a reboot.
    """
    known = modes(root)
    if name not in known:
        raise BoardError(
            f"This board has no power mode {name!r}.", f"Choose one of {', '.join(known)}."
        )
    _nvpmodel("-m", str(known[name]))
    answer = _nvpmodel("-q")
    match = _QUERY.search(answer)
    if match is None or match[1] != name:
        came = match[1] if match else "none that it tells"
        raise BoardError(
            f"The power mode {name} is not in effect, {came} is.",
            f"Some modes need a reboot: sudo nvpmodel -m {known[name]}, answer yes.",
        )
    return known[name]


def _nvpmodel(*arguments: str) -> str:
    program = shutil.which("nvpmodel")
    if program is None:
        raise BoardError(
            "nvpmodel is missing.", "Install JetPack's package nvidia-l4t-nvpmodel on the board."
        )
    # Without an answer on stdin it does not reboot by itself.
    done = subprocess.run(
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    if done.returncode:
        line = (said.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise BoardError(f"nvpmodel {' '.join(arguments)} failed: {line}.", "Run it as root: sudo")
    return said
