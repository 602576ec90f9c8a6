"""The flags of the preview, and the preview that they ask for."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thermedge.runtime.control import Control
    from thermedge.runtime.preview.server import Preview
    from thermedge.runtime.recording import Quota
    from thermedge.runtime.sources.base import FrameSource
    from thermedge.runtime.summary import Summary

_FOLDER = "recordings"


def add_preview(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    group = parser.add_argument_group("preview")
    group.add_argument(
        "--preview",
        nargs="?",
        const="8737",
        metavar="[ADDR:]PORT",
        help="show the picture in a browser and take orders there; default: 127.0.0.1:8737, for "
        "this machine alone. Elsewhere the page asks for the token in the address that is printed. "
        "A generated scene goes on for ever, a recording plays at its own rate",
    )
    group.add_argument(
        "--preview-token",
        type=Path,
        metavar="FILE",
        help="take the token from a file, for it to be the same after a restart",
    )
    group.add_argument(
        "--preview-cert", type=Path, metavar="PEM", help="serve the page over TLS, as https://"
    )
    group.add_argument(
        "--preview-key", type=Path, metavar="PEM", help="the certificate's key, if in another file"
    )
    group.add_argument(
        "--preview-record",
        metavar="FOLDER[?max=2G&rotate=60s]",
        help="where the page's record button writes; default: what --record says, else "
        f"./{_FOLDER}",
    )


def check_preview(args: argparse.Namespace) -> None:
    """Refuse impossible flags before anything is opened.

    Raises:
        ThermedgeError: The address or folder is none, or --preview itself is missing.
    """
    from thermedge.errors import ThermedgeError
    from thermedge.runtime.preview.address import parse_address
    from thermedge.runtime.recording import parse_record

    if args.preview is None:
        given = [
            flag
            for flag in ("token", "cert", "key", "record")
            if getattr(args, f"preview_{flag}") is not None
        ]
        if given:
            raise ThermedgeError(f"--preview-{given[0]} needs --preview.", "Add --preview.")
        return
    parse_address(args.preview)
    if args.preview_key is not None and args.preview_cert is None:
        raise ThermedgeError("--preview-key needs --preview-cert.", "Name the certificate too.")
    if args.preview_record is not None:
        if args.record is not None:
            raise ThermedgeError(
                "--record and --preview-record were both given.",
                "Give --record to record at once, or --preview-record to begin from the page.",
            )
        parse_record(args.preview_record)


def watchable(args: argparse.Namespace) -> str:
    """Return the source as it is to be opened: a scene that is watched does not end.

    A scene whose length or pace was asked for keeps it.
    """
    source: str = args.source
    is_scene = source.lower().startswith("synthetic:")
    if args.preview is None or not is_scene or re.search(r"[:,](frames|realtime|endless)=", source):
        return source
    return f"{source}{'' if source.endswith(':') else ','}endless=1"


def opened_preview(
    args: argparse.Namespace,
    source: FrameSource,
    control: Control,
    *,
    summary: Summary,
    record: tuple[Path, Quota] | None,
    tracker: str,
) -> Preview:
    """Return the preview, which serves from now on.

    Args:
        args: Of the command line.
        source: Of the frames.
        control: Gets the page's orders.
        summary: Of the run.
        record: What --record asked for, which begins with the first frame.
        tracker: How the tracker is called.

    Raises:
        ThermedgeError: The address, the token's file or the certificate can't be used.
    """
    from thermedge.runtime.preview.access import read_token
    from thermedge.runtime.preview.address import parse_address
    from thermedge.runtime.preview.recorder import Recorder
    from thermedge.runtime.preview.server import Preview, Settings
    from thermedge.runtime.recording import parse_record

    folder, quota = record or parse_record(args.preview_record or _FOLDER)
    recorder = Recorder(
        folder,
        quota=quota,
        source=args.source,
        rate_hz=source.rate_hz,
        is_live=source.live,
        starts_at_once=record is not None,
    )
    settings = Settings(
        address=parse_address(args.preview),
        token=None if args.preview_token is None else read_token(args.preview_token),
        certificate=args.preview_cert,
        key=args.preview_key,
    )
    return Preview(
        settings, control, summary=summary, recorder=recorder, source=args.source, tracker=tracker
    )
