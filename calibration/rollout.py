"""Run the real tracker over a recording and keep what its networks are fed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermedge.bundle import TEMPLATE_GRAPH, TRACK_GRAPH, Bundle
from thermedge.calibration.frames import REASONS, Reservoir, Sift
from thermedge.calibration.strata import Scene, Strata, describe
from thermedge.errors import TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.backends import open_backend
from thermedge.runtime.backends.base import Backend, Tensors
from thermedge.runtime.control import Start, Stop
from thermedge.runtime.sources.base import FrameSource
from thermedge.runtime.sources.replay import ReplaySource
from thermedge.runtime.start import Chooser
from thermedge.runtime.tracker import Tracker

Graph = Literal["template", "track"]
Feed = dict[str, NDArray[np.float32]]

_DRIFTED = 0.3  # IoU with the label below which a box no longer lies on the target
_PATIENCE = 5  # frames in a row that it may; a tracker finds back from most of them
# Frames after which a track on labels is started anew: a tracker that never refreshes its
# template would otherwise be calibrated on one per recording.
_RENEW = 100
_UNKNOWN = 30  # frames without a label after which nobody knows what a window shows


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOrigin:
    """Where one feed came from."""

    recording: int  # place in the set's recordings
    frame: int  # number in the recording, from 0
    clip: int  # rises with every start of the tracker: one clip is one roll-out
    box: Literal["labelled", "tracked"]  # what the tracker was held on
    strata: Strata


@dataclass(frozen=True, slots=True)
class Sample:
    """One feed of a graph, all of its inputs, as the tracker had it."""

    origin: SampleOrigin
    feed: Feed


@dataclass(slots=True, eq=False)
class Footage:
    """One recording, and how to know its target. Exactly one of the last four is needed."""

    name: str
    open: Callable[[], FrameSource]
    first: int = 0  # number in the recording of the first frame that `open` delivers
    max_frames: int | None = None
    truth: NDArray[np.float64] | None = None  # (N, 4) frame px, NaN where unlabelled
    init: Box | None = None
    choose: Callable[[], Chooser] | None = None
    has_orders: bool = False  # a recording of our own, which says when tracks were started


@dataclass(slots=True)
class Tally:
    """What became of a recording's frames."""

    name: str
    is_labelled: bool
    frames: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    starts: int = 0  # of the tracker


class Tap:
    """Stands before a backend and shows what each run is fed."""

    def __init__(self, inner: Backend, seen: Callable[[Tensors], None]) -> None:
        self.name, self.inputs, self.outputs = inner.name, inner.inputs, inner.outputs
        self._inner, self._seen = inner, seen

    def run(self) -> None:
        """Show the inputs, and run."""
        self._seen(self.inputs)
        self._inner.run()

    def close(self) -> None:
        """Close the backend."""
        self._inner.close()


class Collector:
    """Runs a bundle's tracker over recordings, in fp32 by ONNX Runtime, and keeps its feeds.

    So windows are cut, templates refreshed and carried tensors carried exactly as on a
    board; of a frame that must not calibrate nothing is kept, though the tracker sees it.

    Args:
        bundle: Its tracker's networks will be calibrated.
        windows: Feeds of the track graph to keep, at most.
        templates: Feeds of the template graph to keep, at most.
        seed: Of the choice.
    """

    def __init__(self, bundle: Bundle, *, windows: int, templates: int, seed: int) -> None:
        manifest = bundle.manifest
        self._kept: dict[Graph, Reservoir[Sample]] = {
            "template": Reservoir(templates, seed),
            "track": Reservoir(windows, seed + 1),
        }
        nets = (
            Tap(
                open_backend("ort", bundle.path(TEMPLATE_GRAPH), manifest.template),
                lambda inputs: self._see("template", inputs),
            ),
            Tap(
                open_backend("ort", bundle.path(TRACK_GRAPH), manifest.track),
                lambda inputs: self._see("track", inputs),
            ),
        )
        self._min_span = manifest.scaling.min_span_counts
        self._tracker = Tracker(manifest, *nets)
        self._scene: Scene | None = None  # None: the present frame must not calibrate
        self._frame = self._age = self._looks = 0
        self._clip = -1
        self._labelled = False
        self.tallies: list[Tally] = []

    def samples(self, graph: Graph) -> list[Sample]:
        """Return what was kept of one graph's feeds, roll-out by roll-out."""
        return self._kept[graph].items

    def offered(self, graph: Graph) -> int:
        """Return how many feeds there were to choose from."""
        return self._kept[graph].offered

    def roll(self, footage: Footage) -> Tally:
        """Go over one recording.

        Raises:
            SourceError: It can't be read.
            TargetError: A given target is impossible, or none is found.
        """
        tally = Tally(footage.name, footage.truth is not None)
        self.tallies.append(tally)
        self._labelled = tally.is_labelled
        pass_ = _Pass(footage, self._tracker)
        with closing(footage.open()) as source:
            for number, frame in enumerate(source):
                if footage.max_frames is not None and number >= footage.max_frames:
                    break
                tally.frames += 1
                self._show(pass_, source, number, frame, tally)
        pass_.ended()
        return tally

    def close(self) -> None:
        """Close the tracker. Calling it twice is allowed."""
        self._tracker.close()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _show(
        self, pass_: _Pass, source: FrameSource, number: int, frame: Frame, tally: Tally
    ) -> None:
        reason = pass_.sift.look(frame)
        if reason is not None:
            tally.left_out[reason] += 1
        box = pass_.start_box(source, number, frame, is_usable=reason is None)
        self._frame, self._looks = pass_.footage.first + number, 0
        known = box or pass_.box(number)
        self._scene = None
        if reason is None and known is not None:
            since_s = pass_.sift.since_shutter_s
            self._scene = describe(frame, known, since_s=since_s, min_span=self._min_span)
        if box is not None:
            self._clip, self._age = self._clip + 1, 0
            tally.starts += 1
            pass_.init(number, frame, box)
        elif pass_.is_running:
            self._age += 1
            pass_.update(number, frame)

    def _see(self, graph: Graph, inputs: Tensors) -> None:
        if graph == "track":
            self._looks += 1
        if self._scene is None:
            return
        # The first window of a frame lies where the target is expected, others elsewhere.
        strata = self._scene.strata(
            look="scan" if graph == "track" and self._looks > 1 else "follow", frames=self._age
        )
        origin = SampleOrigin(
            recording=len(self.tallies) - 1,
            frame=self._frame,
            clip=self._clip,
            box="labelled" if self._labelled else "tracked",
            strata=strata,
        )
        self._kept[graph].offer(
            strata.key,
            lambda: Sample(origin, {name: array.copy() for name, array in inputs.items()}),
        )


class _Pass:
    """One going over of one recording: when the tracker starts, and on what."""

    def __init__(self, footage: Footage, tracker: Tracker) -> None:
        self.footage, self.sift = footage, Sift()
        self.is_running = False
        self._tracker = tracker
        self._chooser = footage.choose() if footage.choose is not None else None
        self._last: Box | None = None
        self._labelled = -_UNKNOWN  # the last frame that had a label
        self._started = 0  # the frame of the last start
        self._away = 0  # frames in a row that the box was off the labelled target

    def box(self, number: int) -> Box | None:
        """Return where the target is in a frame: by its label, else as last tracked.

        None where that is anybody's guess: nothing is kept of such a frame.
        """
        label = self._label(number)
        if label is not None:
            self._labelled = number
        is_known = self.footage.truth is None or number - self._labelled <= _UNKNOWN
        return label or (self._last if is_known else None)

    def start_box(
        self, source: FrameSource, number: int, frame: Frame, *, is_usable: bool
    ) -> Box | None:
        """Return the box that the tracker must start on in this frame, None if it must not."""
        if self.footage.has_orders:
            return self._ordered(source, frame)
        is_due = self.footage.truth is not None and number - self._started >= _RENEW
        if self.is_running and self._away < _PATIENCE and not is_due:
            return None
        if not is_usable:
            return None
        if self.footage.truth is not None:
            box = self._label(number)
            return box if box is not None and _lies_in(box, frame) else None
        if self._chooser is not None:
            return self._chooser.choose(frame)
        return self.footage.init

    def init(self, number: int, frame: Frame, box: Box) -> None:
        self._last = self._tracker.init(frame, box).box
        self.is_running, self._away, self._started = True, 0, number
        if self._label(number) is not None:
            self._labelled = number

    def update(self, number: int, frame: Frame) -> None:
        track = self._tracker.update(frame)
        self._last = track.box
        label = self._label(number)
        if label is not None:
            self._away = self._away + 1 if track.box.iou(label) < _DRIFTED else 0

    def ended(self) -> None:
        """Complain if the tracker never started for want of a target.

        Raises:
            TargetError: A chooser found none, or the recording holds no start.
        """
        if self._last is not None or self.footage.truth is not None:
            return  # labels of which none is usable give no window, which is told of the set
        if self._chooser is not None:
            raise self._chooser.failed()
        raise TargetError(
            f"{self.footage.name} has no frame that a track can start on.",
            "Say where its target is, with --init X,Y,W,H or --auto moving.",
        )

    def _label(self, number: int) -> Box | None:
        truth = self.footage.truth
        if truth is None or number >= len(truth):
            return None
        x, y, w, h = truth[number].tolist()
        return Box(x, y, w, h) if w > 0 and h > 0 else None  # NaN compares false

    def _ordered(self, source: FrameSource, frame: Frame) -> Box | None:
        assert isinstance(source, ReplaySource)
        box = None
        for asked in source.take(frame):
            if isinstance(asked.order, Start):
                box = asked.order.box
            elif isinstance(asked.order, Stop):
                self.is_running = False
        return box


def _lies_in(box: Box, frame: Frame) -> bool:
    """Return whether a track can start on a label: some reach far past the frame."""
    cx, cy = box.center
    is_inside = 0 <= cx < frame.width_px and 0 <= cy < frame.height_px
    return is_inside and box.w <= frame.width_px and box.h <= frame.height_px
