"""The conditions that a time was measured under: without them it says nothing."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from pathlib import Path

from thermedge.board_configs.detect import detect
from thermedge.bundle import MANIFEST, Bundle
from thermedge.evaluation.environment import described
from thermedge.files import sha256_of
from thermedge.profiling.board_watch import BoardRun, Range
from thermedge.profiling.subjects import Opened
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.tracker import Tracker

_TENSORRT = re.compile(r"^Package: libnvinfer\d+$.*?^Version: ([\w.+-]+)", re.MULTILINE | re.DOTALL)


def of_machine(root: Path = Path("/")) -> dict[str, str]:
    """Return what this machine is and runs; what it does not say is left out."""
    board = detect(root)
    known = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "board": board.model or "",
        "JetPack": board.jetpack or "",
        "L4T": board.l4t or "",
        "TensorRT": _tensorrt(root),
        "load before": _load(),
        **described(),
    }
    return {name: text for name, text in known.items() if text}


def of_subject(opened: Opened, *, threads: int) -> dict[str, str]:
    """Return what was run."""
    known = of_tracker(opened.bundle, opened.tracker, precision=opened.precision, threads=threads)
    return {**known, "engine": opened.backend}


def of_tracker(bundle: Bundle, tracker: Tracker, *, precision: str, threads: int) -> dict[str, str]:
    """Return what was run, of a tracker that somebody else opened."""
    manifest = sha256_of(bundle.folder / MANIFEST)
    return {
        "bundle": f"{bundle.manifest.name} (manifest sha256 {manifest[:12]})",
        "engine": tracker.engine,
        "precision": precision,
        "threads per inference": str(threads),
    }


def of_source(source: FrameSource, name: str) -> dict[str, str]:
    """Return where frames came from: without a camera, capture costs nothing."""
    has_camera = source.live and name.startswith("v4l2")
    kind = "frames that wait to be asked for"
    if source.live:
        kind = "a camera" if has_camera else "a scene at its own pace"
    return {
        "source": name,
        "frames": f"{source.width_px}x{source.height_px} px at {source.rate_hz:g} Hz, {kind}",
        "camera in the loop": "yes" if has_camera else "no",
    }


def of_board(run: BoardRun) -> dict[str, str]:
    """Return what the sensors told during the run; what is missing is said to be."""
    throttled = {None: "unknown: no sensor tells", False: "no", True: "YES"}[run.is_throttled]
    if run.throttle_events:
        events = ", ".join(f"{name} {count}" for name, count in run.throttle_events.items())
        throttled += f" (new events: {events})"
    locked = {None: "unknown", False: "no", True: "yes"}[run.are_clocks_locked]
    power = "no power sensor"
    if run.total_w is not None:
        power = f"{run.total_w:.2f} W mean of {' + '.join(run.total_of)}"
    elif run.rails_w:
        power = f"no rail that everything flows through, but {_ranges(run.rails_w, 'W')}"
    return {
        "throttled": throttled,
        "power mode": run.power_mode or "unknown: no nvpmodel",
        "clocks locked": locked,
        "governors": _joined(run.governors) or "unknown",
        "clocks": _ranges(run.clocks_mhz, "MHz") or "unknown: no cpufreq or devfreq",
        "temperatures": _ranges(run.temperatures_c, "°C") or "no sensor",
        "power": power,
        "board samples": str(run.samples),
    }


def _ranges(ranges: dict[str, Range], unit: str) -> str:
    """Return "name first > last (low to high)" of each sensor."""
    return "; ".join(
        f"{name} {one.first:.4g} > {one.last:.4g} {unit} ({one.low:.4g} to {one.high:.4g})"
        for name, one in sorted(ranges.items())
    )


def _joined(texts: dict[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in sorted(texts.items()))


def _tensorrt(root: Path) -> str:
    """Return the version of JetPack's own TensorRT package."""
    try:
        text = (root / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = _TENSORRT.search(text)
    return found[1] if found else ""


def _load() -> str:
    """Return how busy others keep the machine: their work is in every figure."""
    try:
        return f"{os.getloadavg()[0]:.1f} processes, mean of a minute"
    except OSError:
        return ""
