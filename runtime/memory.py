"""What the tracker remembers of the target's look."""

from __future__ import annotations

import math

import numpy as np

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.manifest import Manifest
from thermedge.runtime.backends.base import Backend
from thermedge.runtime.backends.holding import hold
from thermedge.runtime.crop import Window
from thermedge.runtime.tokens import TokenStore
from thermedge.runtime.views import View


class TargetMemory:
    """Keeps the template's tensors in the track graph's inputs, and lets them follow.

    The first template never leaves: a refresh mixes the newest one into it with a fixed
    weight, so a wrong refresh is undone by the next right one. Tokens, where the network
    carries any, are kept beside it.
    """

    def __init__(self, manifest: Manifest, template_net: Backend, track_net: Backend) -> None:
        self._spec, self._crop, self._cached = manifest.memory, manifest.crop, manifest.cached
        self._net, self._track_net, self._track_inputs = template_net, track_net, track_net.inputs
        self._view = View(template_net.inputs, "template")
        has_context = "context" in template_net.inputs
        self._context = View(template_net.inputs, "context") if has_context else None
        self._target = template_net.inputs.get("target_px")
        self._first = {name: np.empty_like(track_net.inputs[name]) for name in self._cached}
        self._tokens = (
            TokenStore(manifest, track_net.inputs, track_net.outputs) if manifest.tokens else None
        )
        self._frames = 0
        self.target_px = (1.0, 1.0)  # (w, h) of the first box in its template window

    def start(self, frame: Frame, box: Box, bounds: tuple[float, float]) -> None:
        """Learn the target in `box` (frame px)."""
        self._view.reserve(frame)
        self._see(frame, box, bounds)
        if self._context is not None:
            self._context.reserve(frame)
            self._context.fill(frame, self._around(box), bounds)
        self._net.run()
        for track_input, template_output in self._cached.items():
            np.copyto(self._first[track_input], self._net.outputs[template_output])
            np.copyto(self._track_inputs[track_input], self._first[track_input])
        hold(self._track_net, self._cached)
        if self._tokens is not None:
            self._tokens.start(self._net.outputs)
            hold(self._track_net, self._tokens.inputs)
        self._frames = 0

    def carry(self) -> None:
        """Take over the state that the track graph just gave for the frame it found."""
        if self._tokens is not None:
            self._tokens.take()
            hold(self._track_net, self._tokens.inputs)

    def refresh(self, frame: Frame, box: Box, bounds: tuple[float, float], score: float) -> None:
        """Let the template follow the target as it looks now, every few sure frames."""
        if self._spec.kind == "none":
            return
        self._frames += 1
        if self._frames < self._spec.every_frames or score < self._spec.min_score:
            return
        self._frames = 0
        if self._context is not None:
            self._context.fill(frame, self._around(box), bounds)
        if self._spec.kind == "blend":
            kept_px = self.target_px
            self._see(frame, box, bounds)
            self.target_px = kept_px  # sizes stay relative to the first box
        self._net.run()
        if not self._has_numbers():
            return
        weight = self._spec.weight if self._spec.kind == "blend" else 1.0
        for track_input, template_output in self._cached.items():
            newest, mixed = self._net.outputs[template_output], self._track_inputs[track_input]
            np.subtract(newest, self._first[track_input], out=mixed)
            np.multiply(mixed, weight, out=mixed)
            np.add(mixed, self._first[track_input], out=mixed)
        hold(self._track_net, self._cached)

    def close(self) -> None:
        """Close the template network."""
        self._net.close()

    def _see(self, frame: Frame, box: Box, bounds: tuple[float, float]) -> None:
        window = Window.around(box, self._crop.template_factor, self._crop.template_px)
        self._view.fill(frame, window, bounds)
        self.target_px = (box.w * window.scale, box.h * window.scale)
        if self._target is not None:
            self._target[0, 0], self._target[0, 1] = self.target_px

    def _has_numbers(self) -> bool:
        """Return whether the template network gave numbers; half precision can overflow."""
        outputs = (self._net.outputs[name] for name in self._cached.values())
        return all(math.isfinite(float(output.sum())) for output in outputs)

    def _around(self, box: Box) -> Window:
        return Window.around(box, self._crop.search_factor, self._crop.search_px)
