"""thermedge export: turn a checkpoint into a bundle that boards run, in the precisions asked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import check_least

if TYPE_CHECKING:
    from rich.console import Console

    from thermedge.export.copies import Finish
    from thermedge.export.int8 import Request
    from thermedge.manifest import ConfidenceSpec, Int8Spec, Manifest

_EPILOG = """\
INT8 needs recordings of the camera it is for, some of them labelled:
  thermedge export run/last.safetensors -o tracker
  thermedge calibrate auto:recordings/ --bundle tracker -o yard.set
  thermedge export tracker -o tracker-int8 --precision int8 --calibration yard.set

Ranges are chosen by the accuracy of tracking on recordings that the set holds back. Layers that
INT8 breaks stay in floating point. If more accuracy is lost than --budget, nothing is written.
INT8.md in the bundle tells what was measured.

A score means something else in every tracker. Labelled recordings, as `thermedge evaluate --data`
takes them, tell how often each score is right; the bundle's tracks then have a confidence:
  thermedge export tracker -o tracker-sure --confidence recordings/
Graphs stay as they are, byte for byte. MODEL_CARD.md in the bundle tells what was measured.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "source",
        metavar="CHECKPOINT|BUNDLE",
        help="last.safetensors of a run of `thermedge train`; or a bundle, to add to it",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="BUNDLE", help="folder to write"
    )
    parser.add_argument("--name", help="the bundle's name; default: the folder's")
    parser.add_argument(
        "--settings",
        type=Path,
        help="TOML with the constants of the online loop; default: the shipped ones of the tracker",
    )
    which = parser.add_argument_group("precision")
    which.add_argument(
        "--precision",
        choices=("fp32", "int8"),
        help="int8 keeps fp32 beside it; default: fp32 of a checkpoint, all that a bundle has",
    )
    which.add_argument(
        "--half",
        action="store_true",
        help="also write fp16 graphs with typed casts, for TensorRT 11 and newer",
    )
    which.add_argument(
        "--calibration", type=Path, metavar="SET", help="int8: made by `thermedge calibrate`"
    )
    which.add_argument(
        "--budget",
        type=float,
        default=0.005,
        metavar="AUC",
        help="int8: mean success AUC that may be lost; default: 0.005",
    )
    which.add_argument(
        "--float-weights",
        action="store_true",
        help="int8: store weights as float32 behind Q/DQ, for TensorRT 8",
    )
    parser.add_argument(
        "--confidence",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="labelled recordings to learn from how likely a box of a score is right; for a "
        "bundle, and apart from precisions; may be given again",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="int8, confidence: processes that track"
    )


def run(args: argparse.Namespace) -> int:
    """Export, print the parity table and where the bundle lies."""
    from rich.console import Console

    from thermedge.optional import require

    check_least(("--workers", args.workers, 1))
    needed = (
        ("onnx",) if _is_bundle(args.source) else ("torch", "safetensors", "onnx", "onnxscript")
    )
    for package in needed:  # before what imports them
        require(package, "exporting")
    console = Console(stderr=True)
    name = args.name or Path(os.path.abspath(args.out)).name
    _check_source(args)
    if args.confidence:
        _show(_with_confidence(args, name, console), Console())
        print(args.out)
        return 0
    request = _request(args)
    manifest = _exported(args, name, _finish(args, request, console), console)
    _show(manifest, Console())
    print(args.out)
    return 0


def _is_bundle(source: str) -> bool:
    from thermedge.bundles import names

    return Path(source).is_dir() or source in names()


def _check_source(args: argparse.Namespace) -> None:
    from thermedge.errors import BundleError

    if args.settings is not None and _is_bundle(args.source):
        raise BundleError(
            f"--settings is for a checkpoint, and {args.source} is a bundle, which has its own.",
            "Export the checkpoint again with them.",
        )


def _exported(args: argparse.Namespace, name: str, finish: Finish, console: Console) -> Manifest:
    from thermedge import bundle

    if _is_bundle(args.source):
        from thermedge.bundles import find
        from thermedge.export import copies

        # INT8 graphs are made anew, or were asked to go.
        without = () if args.precision is None else ("int8",)
        older = bundle.read(find(args.source))
        made = copies.extend(older, args.out, name, finish=finish, without=without)
        if older.manifest.confidence is not None and made.confidence is None:
            console.print(
                "What scores are worth was learned with INT8 graphs that are gone: "
                "learn it again with --confidence."
            )
        return made
    from thermedge.export import package, settings
    from thermedge.models import checkpoint

    source = Path(args.source)
    saved = checkpoint.load(source)
    chosen = settings.read(args.settings or settings.shipped(saved.tracker, saved.size))
    return package.export(source, chosen, args.out, name, finish=finish)


def _with_confidence(args: argparse.Namespace, name: str, console: Console) -> Manifest:
    """Write the bundle again, with what its scores are worth."""
    from thermedge import bundle
    from thermedge.bundles import find
    from thermedge.errors import BundleError
    from thermedge.export import confidence, copies

    if not _is_bundle(args.source):
        raise BundleError(
            f"--confidence is for a bundle, and {args.source} is none.",
            "Export the checkpoint first, then the bundle again with --confidence.",
        )
    if args.precision is not None or args.half or args.calibration is not None:
        raise BundleError(
            "--confidence changes no graph, and other precisions were asked for too.",
            "Export the precisions first, then that bundle again with --confidence.",
        )
    source = bundle.read(find(args.source))
    clips = confidence.read_clips(args.confidence)

    def finish(draft: Path, manifest: Manifest) -> Manifest:
        with _stages(console) as stage:
            tick = stage("following labelled clips", len(clips))
            fitted = confidence.fit(source, clips, workers=args.workers, tick=tick)
        confidence.add_to_card(draft, fitted)
        return replace(manifest, confidence=fitted.spec)

    return copies.extend(source, args.out, name, finish=finish)


def _request(args: argparse.Namespace) -> Request | None:
    """Return what INT8 is to be made from; None for fp32 alone."""
    from thermedge.errors import BundleError

    if args.precision != "int8":
        if args.calibration is not None:
            raise BundleError(
                "--calibration is for INT8, which was not asked for.", "Add --precision int8."
            )
        return None
    if args.calibration is None:
        raise BundleError(
            "INT8 needs a calibration set: without recordings nobody knows the ranges.",
            "Make one of your camera's recordings: thermedge calibrate RECORDING... -o SET "
            "--bundle BUNDLE, and give it with --calibration SET.",
        )
    if not args.budget >= 0:
        raise BundleError(f"--budget is {args.budget:g}.", "Give a success AUC from 0 to 1.")
    from thermedge.calibration import samples
    from thermedge.export import int8

    calibration = samples.read(args.calibration)
    request = int8.Request(
        calibration,
        int8.clips_of(calibration.held_back),
        budget=args.budget,
        stored=not args.float_weights,
        workers=args.workers,
    )
    int8.check_clips(request)
    return request


def _finish(args: argparse.Namespace, request: Request | None, console: Console) -> Finish:
    """Return what adds the other precisions to the unfinished bundle."""

    def finish(draft: Path, manifest: Manifest) -> Manifest:
        if args.half:
            from thermedge.bundle import Bundle
            from thermedge.export import half

            for graph in ("template", "track"):
                half.write(draft / f"{graph}.onnx", draft / f"{graph}.fp16.onnx")
            half.check(Bundle(draft, manifest))
        if request is None:
            return manifest
        from thermedge import bundle
        from thermedge.export import int8, int8_report

        with _stages(console) as stage:
            outcome = int8.write(draft, manifest, request, stage=stage)
        manifest = replace(manifest, precision="int8", int8=outcome.spec)
        report = int8_report.make(draft, manifest, outcome)
        (draft / bundle.INT8_REPORT).write_text(report.text, encoding="utf-8")
        console.print(report.verdict)
        return manifest

    return finish


@contextmanager
def _stages(console: Console) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:

        def stage(title: str, steps: int) -> Callable[[], None]:
            task = bars.add_task(title, total=steps or None)
            return lambda: bars.advance(task)

        yield stage


def _show(manifest: Manifest, console: Console) -> None:
    from rich.table import Table

    table = Table("output", "fused - trained", "ONNX - fused", title="largest absolute difference")
    for output, gap in manifest.parity.items():
        table.add_row(output, f"{gap.fused:.1e}", f"{gap.onnx:.1e}")
    console.print(table)
    if manifest.int8 is not None:
        console.print(_told(manifest.int8), highlight=False)
    if manifest.confidence is not None:
        console.print(_worth(manifest.confidence), highlight=False)


def _told(spec: Int8Spec) -> str:
    interval = f"[{spec.lost_low:+.4f}, {spec.lost_high:+.4f}]"
    if spec.clips < 2:
        interval = "(one clip: no interval)"
    return (
        f"INT8 ({spec.method} ranges, {spec.layers} layers, {spec.mac_share:.0%} of the work): "
        f"success AUC {spec.success_auc['fp32']:.4f} -> {spec.success_auc['int8']:.4f} over "
        f"{spec.clips} clips, lost {spec.lost:+.4f} {interval}, "
        f"{spec.budget:.4f} allowed"
    )


def _worth(spec: ConfidenceSpec) -> str:
    return (
        f"confidence ({len(spec.knots)} knots): calibration error {spec.error_before:.3f} as a "
        f"score -> {spec.error_after:.3f}, over {spec.frames:,} frames of {spec.clips} clips"
    )
