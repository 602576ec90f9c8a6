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
from thermedge.runtime.confidence import Confidence
from thermedge.runtime.crop import Window
from thermedge.runtime.decode import Candidate, Decoder
from thermedge.runtime.journal import Journal
from thermedge.runtime.jump import Jump, JumpDetector
from thermedge.runtime.memory import TargetMemory
from thermedge.runtime.motion import HIDDEN_S, SHUT_S, Motion
from thermedge.runtime.scaling import Scaler
from thermedge.runtime.search import FrameScan
from thermedge.runtime.shutter import ShutterWatch, Sight
from thermedge.runtime.track import State, Track
from thermedge.runtime.views import View

_TRACKING: State = "tracking"
_SAME = 0.75  # of the last score: with less the target looks otherwise in the new range
_BLIND_S = 5.0  # a target that nobody saw for longer is lost, whatever hid it
_LEAST_BEATS = 0.8  # of the time between two pictures: stamps that come in bunches say less


class Tracker:
    """Follows one target from frame to frame.

    The state of each frame says what the box rests on:

    - tracking: the score is at least `sure_score`. Only then is anything remembered, and
      only while the shutter is at rest and the target was in sight for `confirm_frames`.
    - uncertain: at least `accept_score`. The box moves, the memory does not.
    - coasting: the shutter closed, or fewer than `lost_after_frames` open frames in a row
      scored less. The box drifts on by its last velocity, ever slower, and the part of
      the frame in which the target is believed grows.
    - lost: missing for longer, or nothing could be seen for more than 5 s: the shutter was
      closed, or no frame came. From then on, and after the camera jumped, the target may be
      anywhere: `scan_windows` more windows per frame go over the whole frame, without end
      unless `give_up_after_s` sets one.
    - reacquired: the first frame with the target after a closed shutter, a gap in the
      stream or a loss. A hit of the scan must reach `reacquire_score`.

    A frame that only repeats the last picture gets the last box and score again.

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
        self._watch = ShutterWatch()
        self._journal = Journal()
        self._confidence = Confidence(manifest.confidence)
        self._stages: dict[str, int] = {}
        self.started = False

    @property
    def engine(self) -> str:
        """What the track graph runs in, as the backend names itself: "ort", "trt-fp16"."""
        return self._net.name

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
        self._frame_px = (frame.width_px, frame.height_px)
        self._motion = Motion(self._loop, box, self._frame_px)
        self._watch.start(frame)
        self._jumps = JumpDetector()
        self._journal.start(frame)
        self._index, self._believed_ns = frame.index, frame.timestamp_ns
        self._found_ns = frame.timestamp_ns
        self._missing = 0  # open frames in a row without the target; a long blindness counts too
        self._sought_s = 0.0  # for which the camera saw and the target was not found
        self._unconfirmed = 0  # frames until the memory is trusted to follow again
        self._is_anywhere = False  # nothing is known of the place: the camera jumped
        self._gave_up = False
        self._score, self._state = 1.0, _TRACKING
        self._scan.end()
        self.started = True
        stages = {"update": (perf_counter_ns() - began) / 1e6}
        events = self._journal.events
        return Track(
            box,
            1.0,
            "tracking",
            frame.index,
            frame.timestamp_ns,
            0,
            stages,
            events=events,
            confidence=self._confidence.start(),
        )

    def update(self, frame: Frame) -> Track:
        """Find the target in the next frame.

        Raises:
            TargetError: No track was started, or the frame has another size.
        """
        began = perf_counter_ns()
        self._check(frame)
        dropped = max(frame.index - self._index - 1, 0)
        self._stages = {"scale": 0, "crop": 0, "infer": 0, "decode": 0}
        self._journal.open(frame)
        sight = self._watch.look(frame)
        self._journal.shutter(sight)
        self._score, self._state = self._judge(frame, sight)
        self._journal.state(self._state, self._score)
        confidence = self._confidence.of(self._state, self._score)
        self._index = frame.index
        spent = sum(self._stages.values())
        self._stages["update"] = perf_counter_ns() - began - spent
        return Track(
            self._motion.reported,
            self._score,
            self._state,
            frame.index,
            frame.timestamp_ns,
            dropped,
            {stage: time / 1e6 for stage, time in self._stages.items()},
            events=self._journal.events,
            confidence=confidence,
        )

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

    def _judge(self, frame: Frame, sight: Sight) -> tuple[float, State]:
        if self._gave_up:
            return 0.0, "lost"
        is_closed = sight.shutter == "closed"
        if not (sight.is_new or is_closed):
            return self._score, _TRACKING if self._state == "reacquired" else self._state
        believed_ns, self._believed_ns = self._believed_ns, frame.timestamp_ns
        elapsed_s = max(frame.timestamp_ns - believed_ns, 0) * 1e-9
        if (is_closed or sight.resumed) and sight.blind_s > _BLIND_S:
            self._missing = max(self._missing, self._loop.lost_after_frames)
        if is_closed:
            self._motion.drift(elapsed_s, fade_s=SHUT_S)
            return 0.0, self._absent
        if sight.resumed or self._missing:
            self._motion.drift(elapsed_s, fade_s=HIDDEN_S if self._missing else SHUT_S)
        return self._look(frame, sight)

    def _look(self, frame: Frame, sight: Sight) -> tuple[float, State]:
        if sight.resumed or sight.step:
            self._scaler.reset()  # all offsets moved at once
        began = perf_counter_ns()
        bounds = self._scaler.bounds(frame.counts, frame.timestamp_ns)
        self._stages["scale"] += perf_counter_ns() - began
        jump = None if sight.resumed else self._follow_camera(self._step_s(sight))
        learns = sight.shutter == "none" and not self._unconfirmed
        found = self._examine(frame, self._window(), bounds)
        if sight.step == "range" and self._is_trusted and found.score < _SAME * self._score:
            found = self._renew(frame, bounds)
        if jump is not None and jump.kind == "doubt" and found.score < self._loop.accept_score:
            self._start_over()
        needed = self._needed()
        # Not having seen the target for a while, a middling score asks for a second look.
        if found.score >= (self._loop.sure_score if sight.resumed else needed):
            if learns:
                self._memory.carry()  # before another window overwrites what the graph gave
        else:
            found = self._look_elsewhere(frame, bounds, found, is_blind=sight.resumed)
        if found.score < needed:
            return found.score, self._miss(sight)
        state = self._take(frame, sight, found)
        if state == "tracking" and learns:
            self._memory.refresh(frame, self._motion.box, bounds, found.score)
        return found.score, state

    def _needed(self) -> float:
        """Return the score that makes a candidate the target."""
        if self._is_anywhere or self._absent == "lost":
            return self._loop.reacquire_score  # nothing speaks for the place
        return self._loop.accept_score

    @property
    def _is_trusted(self) -> bool:
        return self._state == "tracking" and not self._unconfirmed

    def _follow_camera(self, elapsed_s: float) -> Jump:
        """Move with a camera that jerked; expect nothing after a cut."""
        jump = self._jumps.look(
            self._watch.thumbnail, self._frame_px, self._motion.box, elapsed_s=elapsed_s
        )
        if jump.kind == "shift":
            self._motion.shift(jump.dx_px, jump.dy_px)
            detail = f"The scene jumped by ({jump.dx_px:.0f}, {jump.dy_px:.0f}) px."
            self._journal.note("camera_moved", detail)
        elif jump.kind == "cut":
            self._start_over()
        return jump

    def _start_over(self) -> None:
        """Expect the target anywhere: the picture shows another place."""
        self._is_anywhere = True
        self._motion.stop()
        self._scan.end()
        self._journal.note("camera_moved", "The picture shows another place.")

    def _renew(self, frame: Frame, bounds: tuple[float, float]) -> Candidate:
        """Learn the target anew at its present box: the sensor shows it otherwise now."""
        self._memory.start(frame, self._motion.box, bounds)
        found = self._examine(frame, self._window(), bounds)
        detail = f"The target was learned again; its score is {found.score:.2f}."
        self._journal.note("template_renewed", detail)
        return found

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
        self, frame: Frame, bounds: tuple[float, float], found: Candidate, *, is_blind: bool
    ) -> Candidate:
        """Scan a few windows of the frame; return a sure hit, else `found`.

        How far away the target is believed grows with the time it is missing, up to the
        whole frame when it is lost: a look-alike elsewhere is not the target that a tree
        hides for half a second.
        """
        loop = self._loop
        if self._missing + 1 < loop.scan_after_frames and not (is_blind or self._is_anywhere):
            return found
        here = (self._motion.cx, self._motion.cy)
        if not self._scan.active:
            side = self._window().side * loop.scan_widening
            self._scan.begin(here, side, self._frame_px, self.manifest.crop.search_px)
        reach = self._reach(frame)
        # Near its last place, and with no rival there, a weak hit is worth a closer look.
        is_strict = math.isinf(reach) or found.score >= loop.accept_score
        least = loop.reacquire_score if is_strict else loop.accept_score
        best: Candidate | None = None
        for window in self._scan.windows(loop.scan_windows, reach):
            hit = self._examine(frame, window, bounds, centred=False)
            near = math.dist((hit.cx, hit.cy), here) <= reach
            if near and hit.score >= least and (not best or hit.score > best.score):
                best = hit
        if best is not None and best.score < loop.reacquire_score:
            best = self._examine(frame, self._window_on(best), bounds, centred=False)
        if best is None or best.score < max(loop.reacquire_score, found.score):
            return found
        return best

    def _reach(self, frame: Frame) -> float:
        """Return how far from its last place the target may be by now, px."""
        if self._is_anywhere or self._missing + 1 >= self._loop.lost_after_frames:
            return math.inf
        unseen_s = (frame.timestamp_ns - self._found_ns) * 1e-9
        frames = unseen_s / self._watch.beat_s if self._watch.beat_s > 0 else 1.0
        return self._window().side * (0.5 + self._loop.reach_step * frames)

    def _miss(self, sight: Sight) -> State:
        self._missing += 1
        if not sight.resumed:  # else most of the time nobody could look
            self._sought_s += sight.blind_s
        if 0 < self._loop.give_up_after_s < self._sought_s:
            self._gave_up = True
            self._journal.note("gave_up", f"Nothing was found for {self._sought_s:.1f} s.")
            return "lost"
        return self._absent

    @property
    def _absent(self) -> State:
        """The state while the target is not seen."""
        return "lost" if self._missing >= self._loop.lost_after_frames else "coasting"

    def _take(self, frame: Frame, sight: Sight, found: Candidate) -> State:
        """Move the box to what was found, and say how sure that is."""
        again = sight.resumed or self._is_anywhere or self._missing >= self._loop.scan_after_frames
        if again:
            self._motion.stop()
        is_next = not (sight.resumed or self._is_anywhere or self._missing)
        self._motion.take(found, elapsed_s=self._step_s(sight) if is_next else 0.0)
        self._found_ns, self._missing, self._is_anywhere = frame.timestamp_ns, 0, False
        self._sought_s = 0.0
        self._scan.end()
        if again:
            self._unconfirmed = self._loop.confirm_frames
            return "reacquired"
        if found.score < self._loop.sure_score:
            return "uncertain"
        self._unconfirmed = max(self._unconfirmed - 1, 0)
        return "tracking"

    def _step_s(self, sight: Sight) -> float:
        """Return how long the target had for its last step; a velocity is not told by less."""
        beat_s = self._watch.beat_s
        return sight.blind_s if math.isnan(beat_s) else max(sight.blind_s, _LEAST_BEATS * beat_s)

    def _window_on(self, found: Candidate) -> Window:
        box = Box.from_center(found.cx, found.cy, math.exp(found.ln_w), math.exp(found.ln_h))
        crop = self.manifest.crop
        return Window.around(box, crop.search_factor, crop.search_px)

    def _window(self) -> Window:
        crop = self.manifest.crop
        return Window.around(self._motion.box, crop.search_factor, crop.search_px)


def open_tracker(
    bundle: Bundle, *, backend: str = "auto", precision: str = "auto", threads: int = 1
) -> Tracker:
    """Load a bundle's two graphs into an engine.

    Args:
        bundle: The tracker.
        backend: As for `engines.open_engines`.
        precision: As for `engines.open_engines`.
        threads: CPU threads of one inference.

    Raises:
        BackendError: The engine is unknown or refuses a graph.
        BundleError: The bundle has no graphs of that precision.
        MissingDependencyError: The engine is not installed.
    """
    from thermedge.runtime.engines import open_engines

    engines = open_engines(bundle, backend=backend, precision=precision, threads=threads)
    return Tracker(bundle.manifest, engines.template, engines.track)
