"""A process that makes pictures, and what a check may tell it."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import numpy as np

Picture = Callable[[int, int], np.ndarray]  # (number, mode) -> (H, W) counts; can be pickled

# Not plain forks: those would keep what this process has open, and a camera that is held by
# anybody can't go away.
_CLEAN = multiprocessing.get_context("forkserver")
_CLEAN.set_forkserver_preload(["loopback", "usb", "lepton", "scene"])


class Feeding:
    """Runs `_work` in a process of its own until it is stopped.

    Args:
        arguments: Of `_work`.
    """

    def __init__(self, *arguments: Any) -> None:
        self._mode, self._count = _CLEAN.Value("i", 0), _CLEAN.Value("i", 0)
        self._stop, self._is_ready = _CLEAN.Event(), _CLEAN.Event()
        process = _CLEAN.Process(target=self._work, args=arguments, daemon=True)
        process.start()
        self._process = process  # not before: it can't be pickled along
        if not self._is_ready.wait(60):
            raise TimeoutError(f"{arguments} did not start")

    @property
    def count(self) -> int:
        """How many pictures were made."""
        return self._count.value

    @property
    def mode(self) -> int:
        """What the picture function is told; settable."""
        return self._mode.value

    @mode.setter
    def mode(self, value: int) -> None:
        self._mode.value = value

    def stop(self) -> None:
        """End the process."""
        self._stop.set()
        self._process.join(5)
        self._process.kill()
        self._process.join()

    def __enter__(self) -> "Feeding":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _work(self, *arguments: Any) -> None:
        raise NotImplementedError

    def _next_picture(self, picture: Picture) -> np.ndarray:
        made = picture(self._count.value, self._mode.value)
        self._count.value += 1
        return made
