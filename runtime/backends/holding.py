"""Inputs that keep their content from run to run."""

from __future__ import annotations

from collections.abc import Iterable

from thermedge.runtime.backends.base import Backend


def hold(backend: Backend, names: Iterable[str]) -> None:
    """Say that the inputs `names` were just written and stay so until this is called again.

    A backend whose device has memory of its own, so that copying into it costs time, has a
    method `hold`: it takes these inputs over as they are now, and until the next call no run
    looks at them. Whoever calls this once for an input must call it after every change of
    that input. Backends that compute in the host's memory have nothing to do.
    """
    take_over = getattr(backend, "hold", None)  # each frame: isinstance of a Protocol takes 7 us
    if take_over is not None:
        take_over(names)
