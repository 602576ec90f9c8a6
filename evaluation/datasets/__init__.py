"""Data sets by the layout that their authors gave them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from thermedge.errors import DatasetError
from thermedge.evaluation.datasets.layout import DataSet, Layout, found
from thermedge.evaluation.sequences import Sequence

# layout -> where it is. "auto" takes the first that fits, so the peculiar ones come first.
LAYOUTS = {
    "lsotb_tir": "thermedge.evaluation.datasets.tir:LSOTB_TIR",
    "ptb_tir": "thermedge.evaluation.datasets.tir:PTB_TIR",
    "otb": "thermedge.evaluation.datasets.otb:OTB_LAYOUT",
    "got10k": "thermedge.evaluation.datasets.got10k:GOT10K",
    "lasot": "thermedge.evaluation.datasets.lasot:LASOT",
    "vot": "thermedge.evaluation.datasets.vot:VOT",
    "vot_tir2015": "thermedge.evaluation.datasets.vot:VOT_TIR2015",
    "gtot": "thermedge.evaluation.datasets.rgbt:GTOT",
    "lasher": "thermedge.evaluation.datasets.rgbt:LASHER",
    "rgbt234": "thermedge.evaluation.datasets.rgbt:RGBT234",
    "vtuav": "thermedge.evaluation.datasets.rgbt:VTUAV",
    "anti_uav": "thermedge.evaluation.datasets.anti_uav:ANTI_UAV",
    "plain": "thermedge.evaluation.datasets.plain:PLAIN_FORM",
}


def read(folder: Path, layout: str = "auto") -> DataSet:
    """Read the sequences in `folder`, in the order of their names.

    Args:
        folder: Where the data set was unpacked.
        layout: A key of LAYOUTS, or "auto".

    Raises:
        DatasetError: The layout is unknown, is not what is there, or a file is malformed.
    """
    if layout != "auto" and layout not in LAYOUTS:
        raise DatasetError(
            f"No layout is called {layout!r}.", f"Choose one of auto, {', '.join(LAYOUTS)}."
        )
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise DatasetError(f"{folder} {what}.", "Give the folder of a data set.")
    chosen = _detected(folder) if layout == "auto" else _load(layout)
    return DataSet(chosen, tuple(_checked(chosen.read(folder), folder, chosen)))


def check_names(data_sets: Iterable[DataSet]) -> None:
    """Refuse data sets of one name: their results are kept and averaged by it.

    Raises:
        DatasetError: Two share their last two folders.
    """
    names = [data_set.sequences[0].group for data_set in data_sets]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise DatasetError(
            f"Two data sets are called {double[0]!r} by their last two folders.",
            "Run them one by one, thermedge evaluate with another --out each.",
        )


def _detected(folder: Path) -> Layout:
    for name in LAYOUTS:
        layout = _load(name)
        if layout.fits(folder):
            return layout
    known = "".join(f"\n    {name}: {_load(name).expected}" for name in LAYOUTS)
    raise DatasetError(
        f"{folder} has no known layout; it holds {found(folder)}.",
        f"Arrange the files as one of these, or name the layout with --layout:{known}",
    )


def _checked(sequences: list[Sequence], folder: Path, layout: Layout) -> list[Sequence]:
    if not sequences:
        raise DatasetError(
            f"{folder} holds no sequence of the layout {layout.name}; it holds {found(folder)}.",
            f"Expected {layout.expected}.",
        )
    names = [sequence.name for sequence in sequences]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise DatasetError(
            f"{folder} has two sequences called {double[0]!r}.",
            "Rename one: results are kept by the sequence's name.",
        )
    return sequences


def _load(name: str) -> Layout:
    module, _, attribute = LAYOUTS[name].partition(":")
    return cast(Layout, getattr(importlib.import_module(module), attribute))
