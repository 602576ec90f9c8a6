"""Labelled recordings kept apart, to measure accuracy on what ranges were not taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRef:
    """One labelled recording, with what opens it again."""

    layout: str  # how the data set is arranged: a name of `thermedge evaluate --layout`
    folder: str  # of the data set, absolute
    name: str  # of the sequence, unique in the data set
    group: str  # that scores are averaged under
    first: int  # the first labelled frame, from 0
    frames: int
    labels: str  # digest of the labels: others would score otherwise


def split(
    clips: Sequence[ClipRef], share: float, seed: int
) -> tuple[tuple[ClipRef, ...], tuple[ClipRef, ...]]:
    """Return (to calibrate with, held back): whole clips, of every group alike.

    Of a group of two or more at least one is held back, and at least one is not; a single
    clip calibrates. The order given makes no difference.

    Args:
        clips: All labelled clips.
        share: To hold back, [0, 1).
        seed: Of the choice.
    """
    used: list[ClipRef] = []
    held: list[ClipRef] = []
    random = np.random.default_rng(seed)
    for group in sorted({clip.group for clip in clips}):
        members = sorted(
            (clip for clip in clips if clip.group == group), key=lambda c: (c.name, c.folder)
        )
        count = min(max(round(share * len(members)), 1), len(members) - 1) if share > 0 else 0
        chosen = set(random.permutation(len(members))[:count].tolist())
        for number, clip in enumerate(members):
            (held if number in chosen else used).append(clip)
    return tuple(used), tuple(held)
