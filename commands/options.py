"""Flags that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

_BUNDLE = "the tracker: a shipped one's name, or a folder written by `thermedge export`"


def add_target(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say what to follow: at most one way to start, and orders."""
    group = parser.add_argument_group("target")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--init", metavar="X,Y,W,H", help="its box in the first frame, px")
    one.add_argument(
        "--auto",
        choices=("hottest", "moving"),
        help="choose what is warmest against its surroundings, or what moves against the scene",
    )
    one.add_argument(
        "--select",
        action="store_true",
        help="drag a box in a window; needs opencv-python in place of opencv-python-headless",
    )
    group.add_argument(
        "--auto-timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="give up --auto after so long; default: 10",
    )
    group.add_argument(
        "--control",
        type=Path,
        metavar="PATH",
        help="take orders at a Unix socket, a JSON object per line: init, stop, status, "
        "snapshot; without another start, idle until init comes",
    )


def check_auto_timeout(args: argparse.Namespace) -> None:
    """Refuse an --auto-timeout that is no time.

    Raises:
        ThermedgeError: It is not above 0, or endless.
    """
    from thermedge.errors import ThermedgeError

    if not 0 < args.auto_timeout < 1e6:
        raise ThermedgeError(
            f"--auto-timeout is {args.auto_timeout:g}.", "Give a number of seconds above 0."
        )


def check_least(*given: tuple[str, int | None, int]) -> None:
    """Refuse counts that are too small.

    Args:
        given: The flag, its value (None: not given) and the least that it may be.

    Raises:
        ThermedgeError: A value is below its least.
    """
    from thermedge.errors import ThermedgeError

    for flag, value, least in given:
        if value is not None and value < least:
            raise ThermedgeError(f"{flag} is {value}.", f"Give a whole number from {least} up.")


def add_tracker(parser: argparse._ActionsContainer) -> None:
    """Declare --bundle and --backend: which tracker, in which engine."""
    parser.add_argument("--bundle", default="default", metavar="NAME|FOLDER", help=_BUNDLE)
    add_backend(parser)


def add_payload(parser: argparse._ActionsContainer) -> None:
    """Declare --bundle and --wheelhouse: what a board is given."""
    parser.add_argument("--bundle", required=True, metavar="NAME|FOLDER", help=_BUNDLE)
    parser.add_argument("--wheelhouse", type=Path, metavar="FOLDER", help="from `make wheelhouse`")


def add_backend(parser: argparse._ActionsContainer) -> None:
    """Declare --backend and --precision: in which engine, and how exactly."""
    parser.add_argument(
        "--backend",
        default="auto",
        help="inference engine: ort, openvino, trt; default: the fastest here that agrees "
        "with the bundle's golden vectors",
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "int8"),
        default="auto",
        help="default: INT8 where the bundle has it and the engine is faster with it",
    )


def add_training(parser: argparse._ActionsContainer) -> None:
    """Declare --data, --threads, --workers and --device: on what, and with what, to train."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the folder that the recipe's paths are relative to",
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads for the network; default: all cores"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that prepare pairs, for each that trains; default: 1",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where the network trains; default: auto, a CUDA device if there is one",
    )


def check_training(args: argparse.Namespace) -> None:
    """Refuse impossible numbers, and a machine without torch, before anything imports it.

    Raises:
        ThermedgeError: --threads or --workers is negative.
        MissingDependencyError: A package that training needs is not installed.
    """
    from thermedge.optional import require

    check_least(("--threads", args.threads, 0), ("--workers", args.workers, 0))
    for needed in ("torch", "safetensors"):
        require(needed, "training")
