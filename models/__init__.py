"""Networks that can be trained and exported, by name and size."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from thermedge.errors import RecipeError

if TYPE_CHECKING:
    from thermedge.models.net import TrackerNet

# name -> module with SIZES and the network's class
TRACKERS = {
    "ainet": ("thermedge.models.ainet", "AiNet"),
    "fgsgt": ("thermedge.models.fgsgt", "Fgsgt"),
    "siamcross": ("thermedge.models.siamcross", "SiamCross"),
    "smmt": ("thermedge.models.smmt", "Smmt"),
    "stdtrack": ("thermedge.models.stdtrack", "StdTrack"),
}


def build(tracker: str, size: str) -> TrackerNet:
    """Return an untrained network.

    Raises:
        RecipeError: The tracker or its size is unknown.
    """
    if tracker not in TRACKERS:
        raise RecipeError(
            f"No tracker is called {tracker!r}.", f"Choose one of {', '.join(TRACKERS)}."
        )
    name, attribute = TRACKERS[tracker]
    module = importlib.import_module(name)
    if size not in module.SIZES:
        raise RecipeError(
            f"Tracker {tracker!r} has no size {size!r}.",
            f"Choose one of {', '.join(module.SIZES)}.",
        )
    return cast("TrackerNet", getattr(module, attribute)(module.SIZES[size]))


def sizes(tracker: str) -> tuple[str, ...]:
    """Return the sizes that a tracker comes in."""
    return tuple(importlib.import_module(TRACKERS[tracker][0]).SIZES)
