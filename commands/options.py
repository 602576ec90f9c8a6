"""Flags that several commands share."""

from __future__ import annotations

import argparse


def add_tracker(parser: argparse.ArgumentParser) -> None:
    """Declare --bundle and --backend: which tracker, in which engine."""
    parser.add_argument(
        "--bundle",
        default="default",
        metavar="NAME|FOLDER",
        help="the tracker: a shipped one's name, or a folder written by `thermedge export`",
    )
    add_backend(parser)


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Declare --backend."""
    parser.add_argument("--backend", default="auto", help="inference engine: auto, ort")
