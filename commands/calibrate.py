"""thermedge calibrate: make the data that INT8 needs, out of recordings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import check_least

if TYPE_CHECKING:
    from thermedge.calibration.clips import ClipRef
    from thermedge.calibration.rollout import Footage
    from thermedge.evaluation.sequences import Sequence
    from thermedge.runtime.start import Chooser

_EPILOG = """\
a RECORDING is
  a video, or a folder of numbered 8- or 16-bit pictures (PATH?rate=9 sets the rate);
  a folder written by `thermedge track --record`: its own starts say where the target is;
  a folder with groundtruth.txt beside a video or pictures;
  LAYOUT:FOLDER, a labelled data set as `thermedge evaluate` reads it, or auto:FOLDER;
  v4l2:..., a live camera, with --frames.

The bundle's tracker runs over all of them as it does on a board, and what its networks are fed
is kept. Of the labelled recordings some are held back: nothing is taken from them, so that
accuracy can be measured on them.

examples:
  thermedge calibrate flight1.mkv flight2/ --auto moving -o day1.set
  thermedge calibrate auto:recordings/ -o day1.set --bundle mine/
  thermedge calibrate v4l2:/dev/video0 --frames 2000 --auto hottest -o yard.set
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="see below")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="SET", help="folder to write"
    )
    parser.add_argument(
        "--bundle",
        default="default",
        metavar="NAME|FOLDER",
        help="whose networks to calibrate: a set fits no other",
    )
    where = parser.add_argument_group("where the target is, if nothing says it")
    one = where.add_mutually_exclusive_group()
    one.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a line x,y,w,h per frame of the only recording; nan where there is none",
    )
    one.add_argument(
        "--init", metavar="X,Y,W,H", help="its box in the only recording's first frame, px"
    )
    one.add_argument("--auto", choices=("hottest", "moving"), help="choose it in each recording")
    how = parser.add_argument_group("how much")
    how.add_argument(
        "--windows", type=int, default=512, help="search windows to keep; default: 512"
    )
    how.add_argument(
        "--templates", type=int, default=128, help="template windows to keep; default: 128"
    )
    how.add_argument("--frames", type=int, metavar="N", help="of each recording; default: all")
    how.add_argument(
        "--held-back",
        type=float,
        default=0.25,
        metavar="SHARE",
        help="of the labelled recordings; default: 0.25",
    )
    how.add_argument("--seed", type=int, default=0, help="of every choice; default: 0")


def run(args: argparse.Namespace) -> int:
    """Make the set, print what it covers and where it lies."""
    from thermedge import bundle as bundles
    from thermedge.bundles import find
    from thermedge.calibration import samples
    from thermedge.calibration.rollout import Collector
    from thermedge.commands.evaluate import progress

    _check(args)
    samples.check_target(Path(os.path.abspath(args.out)))  # before a camera is recorded for it
    footage, held_back = _footage(args)
    bundle = bundles.read(find(args.bundle))
    with (
        Collector(
            bundle, windows=args.windows, templates=args.templates, seed=args.seed
        ) as collector,
        progress(len(footage)) as tell,
    ):
        for one in footage:
            collector.roll(one)
            tell(one.name)
        made = samples.build(collector, bundle, seed=args.seed, held_back=held_back)
    made.save(args.out)
    print(made.coverage.text())
    print(args.out)
    return 0


def _check(args: argparse.Namespace) -> None:
    from thermedge.errors import CalibrationError

    check_least(
        ("--windows", args.windows, 1),
        ("--templates", args.templates, 1),
        ("--frames", args.frames, 1),
        ("--seed", args.seed, 0),
    )
    if not 0 <= args.held_back < 1:
        raise CalibrationError(
            f"--held-back is {args.held_back:g}.", "Give a share from 0 to below 1."
        )


def _footage(args: argparse.Namespace) -> tuple[list[Footage], tuple[ClipRef, ...]]:
    """Return what to go over, and the labelled recordings to leave alone."""
    from thermedge.calibration.clips import split

    plain: list[str] = []
    labelled: dict[ClipRef, Sequence] = {}
    known: set[tuple[str, str]] = set()
    for text in args.recordings:
        found = _labelled(text)
        for ref, sequence in found.items():
            clip = _place(sequence), ref.labels
            if clip not in known:  # else named before, by another folder
                known.add(clip)
                labelled[ref] = sequence
        if not found:
            plain.append(text)
    footage = _unlabelled(args, plain)
    used, held_back = split(list(labelled), args.held_back, args.seed)
    _check_apart(plain, {_place(labelled[ref]) for ref in held_back})
    footage += [_along_labels(labelled[ref], args.frames) for ref in used]
    return footage, held_back


def _place(sequence: Sequence) -> str:
    """Return where the pictures of a labelled recording really lie."""
    from thermedge.evaluation.sequences import Recording

    assert isinstance(sequence.frames, Recording)  # those of data sets on a disk are
    return os.path.realpath(sequence.frames.path)


def _check_apart(plain: list[str], held_back: set[str]) -> None:
    """Refuse an unlabelled recording that is held back under its labels."""
    from thermedge.errors import CalibrationError

    for name in plain:
        path = name if os.path.exists(name) else name.rpartition("?")[0]
        if path and os.path.realpath(path) in held_back:
            raise CalibrationError(
                f"{name} is one of the labelled recordings, and held back to measure accuracy on.",
                "Leave it out: its labels say where the target is.",
            )


def _labelled(text: str) -> dict[ClipRef, Sequence]:
    """Return the sequences of LAYOUT:FOLDER or of a folder with labels; none for the rest."""
    from thermedge.calibration.clips import ClipRef
    from thermedge.errors import CalibrationError
    from thermedge.evaluation import datasets

    layout, _, rest = text.partition(":")
    folder = Path(rest)
    if layout not in ("auto", *datasets.LAYOUTS) or not rest:
        layout, folder = "plain", Path(text)
        if not (folder / "groundtruth.txt").is_file():
            return {}
    folder = Path(os.path.abspath(folder))
    data = datasets.read(folder, layout)
    found = {
        ClipRef(
            layout=data.layout.name,
            folder=str(folder),
            name=sequence.name,
            group=sequence.group,
            first=sequence.start,
            frames=len(sequence),
            labels=sequence.digest,
        ): sequence
        for sequence in data.sequences
        if sequence.start is not None
    }
    if not found:
        raise CalibrationError(
            f"{folder} has no label that a track can start on.",
            "Label a target, or give its recording with --init or --auto.",
        )
    return found


def _along_labels(sequence: Sequence, frames: int | None) -> Footage:
    from thermedge.calibration.rollout import Footage

    start = sequence.start or 0
    truth = sequence.truth[start:].copy()
    truth[:, :2] -= sequence.origin_px
    return Footage(
        f"{sequence.group}/{sequence.name}",
        lambda: sequence.frames.open(start, None),
        first=start,
        max_frames=min(len(truth), frames or len(truth)),
        truth=truth,
    )


def _unlabelled(args: argparse.Namespace, names: list[str]) -> list[Footage]:
    from thermedge.errors import CalibrationError

    if (args.labels or args.init) and (len(names) != 1 or len(args.recordings) != 1):
        flag = "--labels" if args.labels else "--init"
        raise CalibrationError(
            f"{flag} is for one recording, {len(args.recordings)} were given.",
            "Calibrate with labelled folders, or with --auto, or give one recording.",
        )
    return [_plain(args, name) for name in names]


def _plain(args: argparse.Namespace, name: str) -> Footage:
    from thermedge.calibration.rollout import Footage
    from thermedge.errors import CalibrationError
    from thermedge.runtime.sources import is_recording, open_source

    for camera in _cameras(name):
        _check_camera(camera, args.frames)
    footage = Footage(name, lambda: open_source(name), max_frames=args.frames)
    if args.labels:
        from thermedge.evaluation.box_files import read_boxes

        footage.truth = read_boxes(args.labels)
    elif args.init:
        from thermedge.commands.track_camera import box_of

        footage.init = box_of(args.init)
    elif args.auto:
        footage.choose = _chooser(args.auto)
    elif is_recording(Path(name)):
        footage.has_orders = True
    else:
        raise CalibrationError(
            f"Nothing says where the target is in {name}.",
            "Give --auto moving, --auto hottest, --init X,Y,W,H or --labels FILE.",
        )
    return footage


def _check_camera(name: str, frames: int | None) -> None:
    """Refuse what is no camera's, and what would never end."""
    from thermedge.errors import CalibrationError

    scheme = name.partition(":")[0].lower()
    if scheme == "synthetic":
        raise CalibrationError(
            f"{name} is made up: ranges of a made-up scene are not those of a sensor.",
            "Calibrate with recordings of the camera that will be used.",
        )
    if scheme == "v4l2" and frames is None:
        raise CalibrationError(
            f"{name} is a live camera, which never ends.", "Say how many: --frames 2000"
        )


def _cameras(name: str) -> tuple[str, ...]:
    """Return the sources that `name` stands for: a rig's file names two."""
    from thermedge.runtime.sources.pair import SCHEME
    from thermedge.toml import loads

    if not name.startswith(SCHEME):
        return (name,)
    try:
        rig = loads(Path(name.removeprefix(SCHEME)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return (name,)  # opening it tells what is wrong
    return tuple(str(rig[which]) for which in ("thermal", "visible") if which in rig)


def _chooser(how: str) -> Callable[[], Chooser]:
    from typing import cast

    from thermedge.runtime.start import AutoChooser, How

    return lambda: AutoChooser(cast(How, how), timeout_s=float("inf"))
