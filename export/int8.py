"""A bundle in INT8: ranges and layers chosen by tracking accuracy, or no INT8 at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from thermedge import bundle
from thermedge.bundle import Bundle, graph_file
from thermedge.calibration.clips import ClipRef
from thermedge.calibration.samples import CalibrationSet
from thermedge.errors import BundleError, CalibrationError
from thermedge.evaluation import datasets
from thermedge.evaluation.sequences import Sequence as Clip
from thermedge.export import accuracy, sensitivity
from thermedge.export.accuracy import Scores
from thermedge.export.layers import Layer, layers
from thermedge.export.quantize import insert_qdq
from thermedge.export.ranges import METHODS, Method, observe, scale
from thermedge.export.sensitivity import Rank, Trial
from thermedge.files import sha256_of
from thermedge.manifest import Int8Spec, Manifest
from thermedge.runtime import golden
from thermedge.runtime.engines import open_engines

GRAPHS = ("template", "track")
BUDGET = 0.005  # mean success AUC that INT8 may lose, unless another is declared
Feed = Mapping[str, NDArray[np.float32]]
_RANKED_ON = 12  # windows: the order of layers hardly changes with more


@dataclass(frozen=True, slots=True)
class Request:
    """What INT8 is to be made from, and how good it must be."""

    calibration: CalibrationSet
    clips: tuple[Clip, ...]  # labelled, none of them in the calibration set
    budget: float = BUDGET
    stored: bool = True  # weights as int8; False: float32 behind Q/DQ, for TensorRT 8
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was tried and what was chosen."""

    spec: Int8Spec
    layers: dict[str, tuple[Layer, ...]]  # graph -> all weighted ones
    kept: frozenset[str]  # "graph:node" that accuracy kept in floating point
    trials: tuple[Trial, ...]
    ranks: tuple[Rank, ...]  # empty where nothing had to be searched


def write(
    folder: Path,
    manifest: Manifest,
    request: Request,
    *,
    stage: Callable[[str, int], Callable[[], None]],
) -> Outcome:
    """Write the INT8 graphs into the unfinished bundle `folder`.

    Args:
        folder: Holds the fp32 graphs and all else that `manifest` lists.
        manifest: Of the bundle in fp32.
        request: What to calibrate and to measure on.
        stage: Told the name and the number of steps of what begins; its answer is called
            after each step.

    Raises:
        CalibrationError: The set was made for other graphs.
        BundleError: The budget can't be met.
    """
    request.calibration.check(Bundle(folder, manifest))
    work = _Work(folder, manifest, request, stage)
    before = work.scores((), "fp32", "accuracy in fp32")
    by_method: dict[Method, Scores] = {}
    for method in METHODS:
        work.method = method
        by_method[method] = work.scores((), "int8", f"accuracy with {method} ranges")
    work.method = chosen_method(before, by_method, request.budget)
    ranks: list[Rank] = []
    known: dict[tuple[str, ...], Scores] = {(): by_method[work.method]}
    if accuracy.lost(before, known[()]).mean > request.budget:
        ranks = work.ranks()

    def evaluate(kept: tuple[str, ...]) -> Scores:
        if kept not in known:
            title = f"accuracy with {len(kept)} layers kept in fp32"
            known[kept] = work.scores(kept, "int8", title)
        return known[kept]

    # Without ranks a single trial is made, that of all layers, which is within the budget.
    trials = sensitivity.search(ranks, before, evaluate, request.budget)
    work.write_graphs(folder, trials[-1].kept)
    spec = work.spec(trials[-1], before, by_method)
    return Outcome(spec, work.layers, frozenset(trials[-1].kept), trials, tuple(ranks))


def chosen_method(before: Scores, by_method: Mapping[Method, Scores], budget: float) -> Method:
    """Return which ranges to take: of those within the budget, the most like fp32 clip by clip.

    Means of methods differ by less than chance; what chance gave to one clip and took from
    another is no merit. If none is within the budget, the most accurate one is searched on.
    """
    within = [name for name in by_method if accuracy.lost(before, by_method[name]).mean <= budget]
    if not within:
        return max(by_method, key=lambda name: accuracy.mean(by_method[name]))
    return min(within, key=lambda name: accuracy.apart(before, by_method[name]))


class _Work:
    """What all steps share: the graphs, their layers, their ranges."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        request: Request,
        stage: Callable[[str, int], Callable[[], None]],
    ) -> None:
        self._folder, self._manifest, self._request, self._stage = folder, manifest, request, stage
        self.method: Method = METHODS[0]
        windows = {graph_file(graph, "fp32"): graph for graph in GRAPHS}
        self._models = {graph: onnx.load(folder / file) for file, graph in windows.items()}
        state = _state(manifest)
        self.layers = {graph: layers(model, state=state) for graph, model in self._models.items()}
        self._ranges = {}
        for graph in GRAPHS:
            inner = [layer.activation for layer in self.layers[graph] if not layer.floating]
            feeds = _ticked(request.calibration.feeds(graph), stage(f"ranges of {graph}", 0))
            self._ranges[graph] = observe(folder / graph_file(graph, "fp32"), inner, feeds)

    def _scales(self, graph: str) -> dict[str, float]:
        return {name: scale(range_, self.method) for name, range_ in self._ranges[graph].items()}

    def _chosen(self, graph: str, kept: Sequence[str]) -> list[Layer]:
        return [
            layer
            for layer in self.layers[graph]
            if not layer.floating and f"{graph}:{layer.name}" not in kept
        ]

    def write_graphs(self, folder: Path, kept: Sequence[str]) -> None:
        """Write both graphs with all layers in INT8 but the `kept` ones."""
        for graph, model in self._models.items():
            quantized = insert_qdq(
                model,
                self._chosen(graph, kept),
                self._scales(graph),
                stored=self._request.stored,
            )
            path = folder / graph_file(graph, "int8")
            del quantized.graph.value_info[:]  # shapes that every engine infers by itself
            path.write_bytes(quantized.SerializeToString(deterministic=True))

    def scores(self, kept: tuple[str, ...], precision: str, title: str) -> Scores:
        """Track the held-back clips with the graphs as they would be."""
        clips = self._request.clips
        with tempfile.TemporaryDirectory(prefix="thermedge-int8-") as made:
            candidate = Path(made) / "candidate"
            self._candidate(candidate, kept)
            return accuracy.measure(
                candidate,
                clips,
                precision,
                workers=self._request.workers,
                tick=self._stage(title, len(clips)),
            )

    def _candidate(self, folder: Path, kept: tuple[str, ...]) -> None:
        """Make a whole bundle of a trial, so that it is run by what will run it."""
        folder.mkdir()
        for name in self._manifest.files:
            shutil.copyfile(self._folder / name, folder / name)
        self.write_graphs(folder, kept)
        files = {path.name: sha256_of(path) for path in folder.iterdir()}
        trial = replace(self._manifest, files=files, int8=_unmeasured(self._request))
        (folder / bundle.MANIFEST).write_text(bundle.manifest_text(trial), encoding="utf-8")

    def ranks(self) -> list[Rank]:
        """Return all layers of both graphs, the most harmful first."""
        found: list[Rank] = []
        for graph, model in self._models.items():
            feeds = _spread(list(self._request.calibration.feeds(graph)), _RANKED_ON)
            tick = self._stage(f"sensitivity of {graph}", 0)
            found += sensitivity.rank(
                graph, model, self._chosen(graph, ()), self._scales(graph), feeds
            )
            tick()
        return sorted(found, key=lambda one: one.error, reverse=True)

    def spec(self, best: Trial, before: Scores, by_method: Mapping[Method, Scores]) -> Int8Spec:
        """Return what the manifest says of the chosen graphs."""
        chosen = {graph: self._chosen(graph, best.kept) for graph in GRAPHS}
        macs = sum(layer.macs for layer in self.layers["track"])
        floating = {
            f"{graph}:{layer.module}": layer.floating or "INT8 here costs tracking accuracy"
            for graph in GRAPHS
            for layer in self.layers[graph]
            if layer not in chosen[graph]
        }
        methods: dict[str, float] = {
            method: accuracy.mean(found) for method, found in by_method.items()
        }
        calibration = self._request.calibration
        return Int8Spec(
            method=self.method,
            calibration_sha256=calibration.sha256,
            calibration_windows=calibration.num_frames,
            clips=len(self._request.clips),
            budget=self._request.budget,
            success_auc={"fp32": accuracy.mean(before), "int8": best.success_auc, **methods},
            lost=best.lost.mean,
            lost_low=best.lost.low,
            lost_high=best.lost.high,
            layers=sum(len(found) for found in chosen.values()),
            mac_share=sum(layer.macs for layer in chosen["track"]) / max(macs, 1),
            floating=floating,
            gaps=self._gaps(best.kept),
        )

    def _gaps(self, kept: tuple[str, ...]) -> dict[str, float]:
        """Return how far the INT8 graphs are from the golden vectors by ONNX Runtime."""
        with tempfile.TemporaryDirectory(prefix="thermedge-int8-") as made:
            candidate = Path(made) / "candidate"
            self._candidate(candidate, kept)
            whole = bundle.read(candidate)
            engines = open_engines(whole, backend="ort", precision="int8")
            try:
                return golden.differences(whole, engines.template, engines.track)
            finally:
                engines.close()


def clips_of(refs: Sequence[ClipRef]) -> tuple[Clip, ...]:
    """Open the labelled recordings that a calibration set holds back.

    Raises:
        CalibrationError: One is not where it was, or its labels changed.
        DatasetError: A data set can't be read.
    """
    found = []
    for ref in refs:
        known = {clip.name: clip for clip in datasets.read(Path(ref.folder), ref.layout).sequences}
        clip = known.get(ref.name)
        if clip is None or clip.digest != ref.labels:
            raise CalibrationError(
                f"The held-back recording {ref.name} of {ref.folder} "
                f"{'is gone' if clip is None else 'has other labels now'}.",
                "Put it back as it was, or make the calibration set again.",
            )
        found.append(clip)
    return tuple(found)


def check_clips(request: Request) -> None:
    """Refuse to make an INT8 whose accuracy nobody could measure.

    Raises:
        BundleError: There are no labelled clips, or two could be taken for one.
    """
    if not request.clips:
        raise BundleError(
            "The calibration set names no labelled clips, so what INT8 costs in tracking "
            "accuracy can't be measured.",
            "Make the set with labelled recordings: thermedge calibrate --help.",
        )
    names = [f"{clip.group}/{clip.name}" for clip in request.clips]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise BundleError(
            f"Two of the calibration set's held-back recordings are called {double[0]!r} by the "
            "last folders of their paths.",
            "Rename one of these folders, and calibrate again.",
        )


def _unmeasured(request: Request) -> Int8Spec:
    """Return what stands in the manifest of a trial; nothing reads its numbers."""
    return Int8Spec(
        method="", calibration_sha256=request.calibration.sha256,
        calibration_windows=request.calibration.num_frames, clips=0, budget=request.budget,
        success_auc={}, lost=0.0, lost_low=0.0, lost_high=0.0, layers=0, mac_share=0.0,
        floating={}, gaps={},
    )  # fmt: skip


def _state(manifest: Manifest) -> set[str]:
    """Return the tensors of the track graph that come from frames before, or go to later ones."""
    cached, carried = set(manifest.cached), manifest.carried
    windows = {item.name for item in manifest.track.inputs} - cached
    kept = {name for name in windows if name in carried or name.startswith("store")}
    return kept | set(carried.values())


def _spread(feeds: Sequence[Feed], count: int) -> list[Feed]:
    step = max(len(feeds) // count, 1)
    return list(islice(feeds, 0, step * count, step))


def _ticked(feeds: Iterable[Feed], tick: Callable[[], None]) -> Iterator[Feed]:
    for feed in feeds:
        yield feed
        tick()
