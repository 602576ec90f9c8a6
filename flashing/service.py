"""The tracker's service on the board that this runs on, through systemctl."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from thermedge.errors import BoardError
from thermedge.flashing.layout import SERVICE

_RUNNING = Path("/run/systemd/system")  # sd_booted(3)
SOAK_S = 15.0  # five restarts of the unit
JOURNAL = "Look for the reason on the board: journalctl -u thermedge -n 50"
_START_S = 200  # longer than TimeoutStartSec of the unit


class Systemd:
    """What an installation asks of systemd.

    Args:
        program: Of systemctl.
        soak_s: How long a started service must stay alive before it counts.
    """

    def __init__(self, program: str = "systemctl", *, soak_s: float = SOAK_S) -> None:
        self._program, self._soak_s = program, soak_s

    def is_active(self) -> bool:
        """Tell whether the tracker runs now."""
        return self._call("is-active", "--quiet", SERVICE).returncode == 0

    def reload(self) -> None:
        """Let systemd read units again.

        Raises:
            BoardError: It refuses.
        """
        done = self._call("daemon-reload")
        if done.returncode:
            raise BoardError(
                f"systemctl daemon-reload failed: {_last_line(done.stderr)}.",
                "Look at it on the board: systemctl status",
            )

    def restart(self) -> str | None:
        """Start the tracker anew; return None when it stays alive, else what went wrong.

        A service of type notify has started when its first frame was processed.
        """
        # An earlier release may have used up the budget of starts.
        self._call("reset-failed", SERVICE)
        done = self._call("restart", SERVICE)
        if done.returncode:
            return _last_line(done.stderr) or f"systemctl restart gave {done.returncode}"
        if not self.is_active():
            return "systemd did not start it: a condition of the unit was not met"
        before = self._restarts()
        time.sleep(self._soak_s)
        if not self.is_active():
            return f"it ended within {self._soak_s:g} s"
        if self._restarts() != before:
            return f"it was restarted within {self._soak_s:g} s"
        return None

    def _restarts(self) -> str:
        return self._call("show", "--property=NRestarts", SERVICE).stdout.strip()

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self._program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_START_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            command = [self._program, *arguments]
            return subprocess.CompletedProcess(command, 1, "", f"no answer in {_START_S} s")


def here(soak_s: float = SOAK_S) -> Systemd | None:
    """Return the systemd that runs this machine, or None where another init does."""
    return Systemd(soak_s=soak_s) if _RUNNING.is_dir() else None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else ""
