"""Networks that can be trained and exported, by name and size."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from thermedge.errors import RecipeError
from thermedge.records import RecordError, from_mapping, to_mapping

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


def build(tracker: str, size: str, changes: Mapping[str, object] | None = None) -> TrackerNet:
    """Return an untrained network.

    Args:
        tracker: Its name.
        size: A key of its SIZES.
        changes: Of the size's configuration, by key: what an ablation leaves out.

    Raises:
        RecipeError: The tracker, its size or a key is unknown, or a value is none of its own.
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
    config = module.SIZES[size]
    if changes:
        try:
            config = from_mapping(type(config), {**to_mapping(config), **changes}, "network")
        except RecordError as error:
            raise RecipeError(
                f"The {tracker} {size} can't be changed so: {error}.",
                f"Compare the recipe's [network] with {type(config).__name__}.",
            ) from error
    return cast("TrackerNet", getattr(module, attribute)(config))


def sizes(tracker: str) -> tuple[str, ...]:
    """Return the sizes that a tracker comes in."""
    return tuple(importlib.import_module(TRACKERS[tracker][0]).SIZES)
