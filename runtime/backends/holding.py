"""Inputs that keep their content from run to run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from thermedge.runtime.backends.base import Backend


@runtime_checkable
class HoldsInputs(Protocol):
    """A backend whose device has memory of its own, so that copying into it costs time."""

    def hold(self, names: Iterable[str]) -> None:
        """Take these inputs over as they are now; until the next call, no run looks at them."""
        ...


def hold(backend: Backend, names: Iterable[str]) -> None:
    """Say that the inputs `names` were just written and stay so until this is called again.

    Whoever calls it for an input once must call it after every change of that input.
    Backends that compute in the host's memory have nothing to do.
    """
    if isinstance(backend, HoldsInputs):
        backend.hold(names)
