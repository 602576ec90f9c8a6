"""The online loop of one target: look, decide, remember."""

from __future__ import annotations

import math
from time import perf_counter_ns

from thermedge.bundle import Bundle
from thermedge.errors import TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box, checked_target
from thermedge.manifest import LoopSpec, Manifest
from thermedge.runtime.backends.base import Backend
from thermedge.runtime.crop import Window
from thermedge.runtime.decode import Candidate, Decoder
from thermedge.runtime.memory import TargetMemory
from thermedge.runtime.scaling import Scaler
from thermedge.runtime.search import FrameScan
from thermedge.runtime.track import State, Track
from thermedge.runtime.views import View

_MIN_SIDE_PX = 2.0  # a smaller box has no pixels to find again


class Tracker:
    """Follows one target from frame to frame.

    Takes over the two networks: `close` closes them.
    """

    def __init__(self, manifest: Manifest, template_net: Backend, track_net: Backend) -> None:
        self.manifest = manifest
        self._loop: LoopSpec = manifest.loop
        self._net = track_net
        self._scaler = Scaler(manifest.scaling)
        self._memory = TargetMemory(manifest, template_net, track_net)
        score = next(item for item in manifest.track.outputs if item.name == "score")
        self._decoder = Decoder(manifest.head, score.shape[-1], manifest.loop.window_weight)
        self._view = View(track_net.inputs, "search")
        self._scan = FrameScan()
        self._stages: dict[str, int] = {}
        self.started = False

    def init(self, frame: Frame, box: Box) -> Track:
        """Start a track, or start it anew, on the target in `box` (frame px).

        Raises:
            TargetError: The box is impossible in this frame, or the shutter is closed.
        """
        checked_target(box, frame.width_px, frame.height_px)
        if frame.shutter == "closed":
            raise TargetError(
                f"Frame {frame.index} shows the closed shutter, not the scene.",
                "Start the track on a frame after the shutter event.",
            )
        began = perf_counter_ns()
        self._view.reserve(frame)
        self._scaler.reset()
        bounds = self._scaler.bounds(frame.counts, frame.timestamp_ns)
        self._memory.start(frame, box, bounds)
        self._first = box
        self._cx, self._cy = box.center
        self._ln_w = self._ln_h = 0.0  # ln of the size over the first one
        self._vx = self._vy = 0.0  # px per frame
        self._missing = 0  # open frames in a row without the target
        self._closed = 0  # frames in a row with the shutter closed
        self._index = frame.index
        self._frame_px = (frame.width_px, frame.height_px)
        self._scan.end()
        self.started = True
        stages = {"update": (perf_counter_ns() - began) / 1e6}
        return Track(box, 1.0, "tracking", frame.index, frame.timestamp_ns, 0, stages)

    def update(self, frame: Frame) -> Track:
        """Find the target in the next frame.

        Raises:
            TargetError: No track was started, or the frame has another size.
        """
        began = perf_counter_ns()
        self._check(frame)
        dropped = max(frame.index - self._index - 1, 0)
        self._index = frame.index
        self._stages = {"scale": 0, "crop": 0, "infer": 0, "decode": 0}
        if frame.shutter == "closed":
            self._closed += 1
            self._drift()
            score: float = 0.0
            state: State = "coasting"
        else:
            score, state = self._look(frame)
            self._closed = 0
        spent = sum(self._stages.values())
        self._stages["update"] = perf_counter_ns() - began - spent
        stage_ms = {stage: time / 1e6 for stage, time in self._stages.items()}
        return Track(self._box(), score, state, frame.index, frame.timestamp_ns, dropped, stage_ms)

    def close(self) -> None:
        """Close the networks. Calling it twice is allowed."""
        self._memory.close()
        self._net.close()
        self.started = False

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check(self, frame: Frame) -> None:
        if not self.started:
            raise TargetError("No track was started.", "Call init with the target's box first.")
        if (frame.width_px, frame.height_px) != self._frame_px:
            width, height = self._frame_px
            raise TargetError(
                f"Frame {frame.index} is {frame.width_px}x{frame.height_px}; "
                f"the track was started at {width}x{height}.",
                "Start the track anew on the new size.",
            )

    def _look(self, frame: Frame) -> tuple[float, State]:
        if self._closed:
            self._scaler.reset()  # the shutter moved all offsets at once
        began = perf_counter_ns()
        bounds = self._scaler.bounds(frame.counts, frame.timestamp_ns)
        self._stages["scale"] += perf_counter_ns() - began
        if self._closed or self._missing:
            self._drift()
        found = self._examine(frame, self._window(), bounds)
        if found.score >= self._loop.accept_score:
            self._memory.carry()  # before another window overwrites what the graph gave
        else:
            found = self._look_elsewhere(frame, bounds, found)
        if found.score < self._loop.accept_score:
            self._missing += 1
            is_lost = self._missing >= self._loop.lost_after_frames
            return found.score, "lost" if is_lost else "coasting"
        state = self._take(found)
        if state == "tracking" and frame.shutter == "none":
            self._memory.refresh(frame, self._box(), bounds, found.score)
        return found.score, state

    def _examine(
        self, frame: Frame, window: Window, bounds: tuple[float, float], *, centred: bool = True
    ) -> Candidate:
        before = perf_counter_ns()
        self._view.fill(frame, window, bounds)
        cut = perf_counter_ns()
        self._net.run()
        ran = perf_counter_ns()
        template_size = self._memory.target_px
        found = self._decoder.best(self._net.outputs, window, template_size, centred=centred)
        self._stages["crop"] += cut - before
        self._stages["infer"] += ran - cut
        self._stages["decode"] += perf_counter_ns() - ran
        return found

    def _look_elsewhere(
        self, frame: Frame, bounds: tuple[float, float], found: Candidate
    ) -> Candidate:
        """Scan a few windows of the frame; return a sure hit, else `found`.

        How far away the target is believed grows with the time it is missing, up to the
        whole frame when it is lost: a look-alike elsewhere is not the target that a tree
        hides for half a second.
        """
        loop = self._loop
        if self._missing + 1 < loop.scan_after_frames and not self._closed:
            return found
        if not self._scan.active:
            side = self._window().side * loop.scan_widening
            size_px = self.manifest.crop.search_px
            self._scan.begin((self._cx, self._cy), side, self._frame_px, size_px)
        reach = self._reach()
        for window in self._scan.windows(loop.scan_windows, reach):
            hit = self._examine(frame, window, bounds, centred=False)
            near = math.dist((hit.cx, hit.cy), (self._cx, self._cy)) <= reach
            if near and hit.score >= loop.reacquire_score and hit.score > found.score:
                found = hit
        return found

    def _reach(self) -> float:
        """Return how far from its last place the target may be by now, px."""
        if self._missing + 1 >= self._loop.lost_after_frames:
            return math.inf
        frames = self._missing + 1 + self._closed
        return self._window().side * (0.5 + self._loop.reach_step * frames)

    def _take(self, found: Candidate) -> State:
        """Move the box to what was found, and say how sure that is."""
        width, height = self._frame_px
        cx, cy = min(max(found.cx, 0.0), width - 1.0), min(max(found.cy, 0.0), height - 1.0)
        reacquired = self._closed > 0 or self._missing >= self._loop.scan_after_frames
        if not (self._missing or self._closed):
            share = self._loop.velocity_step
            self._vx += share * (cx - self._cx - self._vx)
            self._vy += share * (cy - self._cy - self._vy)
        elif reacquired:
            self._vx = self._vy = 0.0
        self._cx, self._cy = cx, cy
        self._ln_w = self._sized(self._ln_w, found.ln_w - math.log(self._first.w), found.spread_w)
        self._ln_h = self._sized(self._ln_h, found.ln_h - math.log(self._first.h), found.spread_h)
        self._missing = 0
        self._scan.end()
        if reacquired:
            return "reacquired"
        return "tracking" if found.score >= self._loop.sure_score else "uncertain"

    def _sized(self, now: float, measured: float, spread: float) -> float:
        """Blend a measurement (ln of size over the first size) into the present one.

        The measurement is first drawn to 0, the first size, as far as its own variance
        asks against the variance that sizes are expected to have.
        """
        variance, expected = 2 * spread * spread, self._loop.size_prior**2
        believed = measured * expected / (expected + variance)
        return now + self._loop.size_step * (believed - now)

    def _drift(self) -> None:
        """Move on by the last velocity, slower with every missing frame."""
        width, height = self._frame_px
        fade = 0.9 ** (self._missing + self._closed)
        self._cx = min(max(self._cx + self._vx * fade, 0.0), width - 1.0)
        self._cy = min(max(self._cy + self._vy * fade, 0.0), height - 1.0)

    def _window(self) -> Window:
        crop = self.manifest.crop
        return Window.around(self._box(), crop.search_factor, crop.search_px)

    def _box(self) -> Box:
        w = max(self._first.w * math.exp(self._ln_w), _MIN_SIDE_PX)
        h = max(self._first.h * math.exp(self._ln_h), _MIN_SIDE_PX)
        return Box.from_center(self._cx, self._cy, w, h)


def open_tracker(bundle: Bundle, *, backend: str = "auto", threads: int = 1) -> Tracker:
    """Load a bundle's two graphs into an engine.

    Raises:
        BackendError: The engine is unknown or refuses a graph.
        MissingDependencyError: The engine is not installed.
    """
    from thermedge.bundle import TEMPLATE_GRAPH, TRACK_GRAPH
    from thermedge.runtime.backends import open_backend

    manifest = bundle.manifest
    template = open_backend(
        backend, bundle.path(TEMPLATE_GRAPH), manifest.template, threads=threads
    )
    track = open_backend(backend, bundle.path(TRACK_GRAPH), manifest.track, threads=threads)
    return Tracker(manifest, template, track)
