"""Flags that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


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
    one.add_argument("--select", action="store_true", help="drag a box in a window")
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


def add_tracker(parser: argparse._ActionsContainer) -> None:
    """Declare --bundle and --backend: which tracker, in which engine."""
    parser.add_argument(
        "--bundle",
        default="default",
        metavar="NAME|FOLDER",
        help="the tracker: a shipped one's name, or a folder written by `thermedge export`",
    )
    add_backend(parser)


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
