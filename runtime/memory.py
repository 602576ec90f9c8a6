"""What the tracker remembers of the target's look."""

from __future__ import annotations

import numpy as np

from thermedge.frame import Counts
from thermedge.geometry import Box
from thermedge.manifest import Manifest
from thermedge.runtime.backends.base import Backend
from thermedge.runtime.crop import Cropper, Window


class TemplateMemory:
    """Keeps the template's tensors in the track graph's inputs, and lets them follow.

    The first template never leaves: a refresh mixes the newest one into it with a fixed
    weight, so a wrong refresh is undone by the next right one.
    """

    def __init__(
        self, manifest: Manifest, template_net: Backend, track_net: Backend, cropper: Cropper
    ) -> None:
        self._spec, self._crop, self._cached = manifest.memory, manifest.crop, manifest.cached
        self._net, self._track_inputs, self._cropper = template_net, track_net.inputs, cropper
        self._window = template_net.inputs["template"][0, 0]
        self._first = {name: np.empty_like(track_net.inputs[name]) for name in self._cached}
        self._frames = 0
        self.target_px = (1.0, 1.0)  # (w, h) of the first box in its template window

    def start(self, counts: Counts, box: Box, bounds: tuple[float, float]) -> None:
        """Learn the target in `box` (frame px)."""
        window = self._encode(counts, box, bounds)
        self.target_px = (box.w * window.scale, box.h * window.scale)
        for track_input, template_output in self._cached.items():
            np.copyto(self._first[track_input], self._net.outputs[template_output])
            np.copyto(self._track_inputs[track_input], self._first[track_input])
        self._frames = 0

    def refresh(self, counts: Counts, box: Box, bounds: tuple[float, float], score: float) -> None:
        """Mix the target as it looks now into the template, every few sure frames."""
        if self._spec.kind == "none":
            return
        self._frames += 1
        if self._frames < self._spec.every_frames or score < self._spec.min_score:
            return
        self._frames = 0
        self._encode(counts, box, bounds)
        for track_input, template_output in self._cached.items():
            newest, mixed = self._net.outputs[template_output], self._track_inputs[track_input]
            np.subtract(newest, self._first[track_input], out=mixed)
            np.multiply(mixed, self._spec.weight, out=mixed)
            np.add(mixed, self._first[track_input], out=mixed)

    def close(self) -> None:
        """Close the template network."""
        self._net.close()

    def _encode(self, counts: Counts, box: Box, bounds: tuple[float, float]) -> Window:
        window = Window.around(box, self._crop.template_factor, self._crop.template_px)
        self._cropper.cut(counts, window, low=bounds[0], high=bounds[1], out=self._window)
        self._net.run()
        return window
