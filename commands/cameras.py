"""thermedge cameras: what is connected, and what it can deliver."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from thermedge.runtime.sources.capture.listing import Connected, Listed

_NOTHING = """\
No camera is connected: Linux has no video node that delivers pictures.
  USB:        does `lsusb` show it? Try another port and cable; `dmesg` tells what failed.
  MIPI:       is its driver loaded, and its device tree overlay chosen?
  container:  was it started with --device /dev/video0?"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print a list for programs")


def run(args: argparse.Namespace) -> int:
    """Print all cameras; none is no error."""
    import dataclasses
    import json

    from rich.console import Console

    from thermedge.runtime.sources.capture.listing import connected

    cameras = connected()
    if args.json:
        print(json.dumps([dataclasses.asdict(camera) for camera in cameras], indent=2))
        return 0
    if not cameras:
        print(_NOTHING)
    console = Console()
    for camera in cameras:
        _print(console, camera)
    return 0


def _print(console: Console, camera: Connected) -> None:
    for line in _lines(camera):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(camera: Connected) -> list[str]:
    found = [f"{camera.path}  {camera.card}"]
    facts = {
        "track with": f"track-camera {camera.uri}",
        "serial": camera.serial,
        "USB": camera.usb,
        "by-id": camera.by_id,
        "by-path": camera.by_path,
        "driver": f"{camera.driver}, {camera.bus}" if camera.driver else None,
        "problem": camera.problem,
        "profile": f"{camera.profile}: {camera.title}" if camera.profile else None,
        "formats": "; ".join(map(_delivery, camera.formats)) or None,
        "in use": _use(camera),
    }
    found += [f"  {name:<11} {fact}" for name, fact in facts.items() if fact]
    return found + [f"  hint        {hint}" for hint in camera.hints]


def _delivery(listed: Listed) -> str:
    rates = "/".join(f"{rate:g}" for rate in listed.rates_hz)
    return f"{listed.format} {listed.size} {rates and rates + ' Hz'}".strip()


def _use(camera: Connected) -> str | None:
    if not camera.is_streaming and not camera.users:
        return None
    state = "somebody streams from it" if camera.is_streaming else "open, but not streaming"
    return f"{state}: {', '.join(camera.users)}" if camera.users else state
