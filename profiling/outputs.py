"""The files of a profile: a page for people, lines and rows for machines."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thermedge.errors import SinkError
from thermedge.files import replacing
from thermedge.profiling.html import page
from thermedge.profiling.latency import COLUMNS, STATES
from thermedge.profiling.report import Profile
from thermedge.records import to_mapping


def to_jsonl(profile: Profile) -> str:
    """Return one JSON object per line: conditions first, each with its `kind`."""
    return "".join(f"{json.dumps(_finite(one), allow_nan=False)}\n" for one in _records(profile))


def _records(profile: Profile) -> Iterator[dict[str, Any]]:
    yield {"kind": "conditions", **profile.conditions, "warm_up": profile.warm_up}
    yield {"kind": "board", **to_mapping(profile.board)}
    for run, seen in zip(profile.runs, profile.figures, strict=True):
        told = {"name": run.name, "loading_ms": run.loading_ms, "in_loop": run.in_loop}
        yield {"kind": "run", **told, "states": dict(run.states), **to_mapping(seen)}
    for one in profile.ratios:
        yield {"kind": "ratio", **to_mapping(one)}
    for part in profile.parts:
        yield {"kind": "part", **to_mapping(part)}
    for name, rates in profile.accuracy.items():
        for rate in rates:
            told = {"name": name, "on": profile.accuracy_on}
            yield {"kind": "accuracy", **told, **to_mapping(rate)}
    for name, layers in profile.layers.items():
        for layer in layers:
            told = to_mapping(layer)
            yield {"kind": "layer", "run": name, "type": told.pop("kind"), **told}


def to_csv(profile: Profile) -> str:
    """Return one row per frame of every run, which `thermedge evaluate --latency` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    stages = COLUMNS[: COLUMNS.index("end_s")]
    names = [f"{name}_ms" if name != "tracker" else "latency_ms" for name in stages]
    writer.writerow(["run", "frame", "event", "state", "dropped", "end_s", *names])
    for run in profile.runs:
        for row in run.times.rows():
            values = dict(zip(COLUMNS, row.tolist(), strict=True))
            state = STATES[int(values["state"])]
            event = "start" if values["start"] else "idle" if state == "idle" else "tracked"
            fields = [run.name, int(values["frame"]), event, state, int(values["dropped"])]
            writer.writerow([*fields, f"{values['end_s']:.6f}", *(_ms(values[s]) for s in stages)])
    return text.getvalue()


def check_writable(path: Path) -> None:
    """Refuse a report's path before hours are spent on what it should hold.

    Raises:
        SinkError: Its ending is unknown, or nothing can be written there.
    """
    if path.suffix not in FORMS:
        raise SinkError(
            f"The report {path} ends in {path.suffix!r}, expected {', '.join(FORMS)}.",
            "Write, for example, --out profile.html",
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise SinkError(
            f"The report {path} can't be written: {error.strerror}.",
            "Name a file in a folder that exists and may be written to.",
        ) from error


def write(profile: Profile, path: Path) -> None:
    """Write a report in the form that the path's ending names.

    Raises:
        SinkError: Nothing can be written there.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_text(FORMS[path.suffix](profile), encoding="utf-8")
    except OSError as error:
        raise SinkError(
            f"The report {path} can't be written: {error.strerror}.",
            "Free some space, or name a file in a folder that exists.",
        ) from error


FORMS = {".html": page, ".jsonl": to_jsonl, ".csv": to_csv}


def _ms(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else ""


def _finite(value: Any) -> Any:
    """Return a value with null in place of numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value
