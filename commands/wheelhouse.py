"""thermedge wheelhouse: gather the packages that a board installs without a network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("wheel", type=Path, help="of thermedge, from `make wheel`")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--pins",
        type=Path,
        default=Path("constraints.txt"),
        metavar="FILE",
        help="the versions; default: constraints.txt here",
    )
    parser.add_argument(
        "--python",
        default="3.10",
        metavar="3.N",
        help="the board's: 3.10 with JetPack 6, 3.12 with JetPack 7; default: 3.10",
    )
    parser.add_argument("--machine", default="aarch64", help="as uname -m has it; default: aarch64")
    parser.add_argument(
        "--extra",
        action="append",
        metavar="NAME",
        help="of thermedge, may be given again: mqtt, preview...; camera and trt are always there",
    )


def run(args: argparse.Namespace) -> int:
    """Gather, and print where the wheels lie."""
    from thermedge.errors import BoardError
    from thermedge.flashing import wheelhouse, wheels

    major, _, minor = args.python.partition(".")
    if major != "3" or not minor.isdecimal() or int(minor) < wheels.LEAST_MINOR:
        raise BoardError(
            f"--python {args.python!r} is no Python that thermedge runs on.",
            f"Give 3.{wheels.LEAST_MINOR} or newer; the board tells: python3 --version",
        )
    if not args.wheel.is_file():
        raise BoardError(f"{args.wheel} is not there.", "Build it: make wheel")
    try:
        found = wheelhouse.gather(
            args.wheel,
            args.out,
            pins=args.pins,
            minor=int(minor),
            machine=args.machine,
            extras=tuple(dict.fromkeys([*wheelhouse.EXTRAS, *(args.extra or [])])),
            tell=lambda name: print(name, file=sys.stderr),
        )
    except OSError as error:
        raise BoardError(
            f"{args.out} can't be made: {error.strerror} ({error.filename}).",
            "Make room, or name another folder with -o.",
        ) from error
    size_mb = sum(wheel.path.stat().st_size for wheel in found) / 1e6
    print(f"{args.out}: {len(found)} wheels, {size_mb:.0f} MB")
    return 0
