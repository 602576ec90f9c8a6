"""What a graph sees of a frame: its thermal window, and the visible one beside it."""

from __future__ import annotations

import numpy as np

from thermedge.frame import Frame
from thermedge.runtime.backends.base import Tensors
from thermedge.runtime.crop import Cropper, Window


class View:
    """Fills the window input `name` of a graph, and `name`_visible where the graph has it.

    A graph that takes a visible window is fed the thermal one twice while there is no
    visible picture: networks for two cameras are trained for that.
    """

    def __init__(self, inputs: Tensors, name: str) -> None:
        self._thermal = inputs[name][0, 0]
        visible = inputs.get(f"{name}_visible")
        self._visible = None if visible is None else visible[0, 0]
        self._cropper, self._visible_cropper = Cropper(), Cropper()

    def reserve(self, frame: Frame) -> None:
        """Take the memory that any window of a frame like this can need."""
        self._cropper.reserve(frame.counts)
        if self._visible is not None and frame.visible is not None:
            self._visible_cropper.reserve(frame.visible)

    def fill(self, frame: Frame, window: Window, bounds: tuple[float, float]) -> None:
        """Cut `window` out of the frame.

        Args:
            frame: Its visible picture, if any, is registered to the thermal one.
            window: Frame px.
            bounds: The counts that become 0 and 1.
        """
        low, high = bounds
        self._cropper.cut(frame.counts, window, low=low, high=high, out=self._thermal)
        if self._visible is None:
            return
        if frame.visible is None:
            np.copyto(self._visible, self._thermal)
        else:
            self._visible_cropper.cut(frame.visible, window, low=0, high=255, out=self._visible)
