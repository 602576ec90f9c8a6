"""The store of tokens that a network carries from frame to frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from thermedge.manifest import Manifest
from thermedge.runtime.backends.base import Tensors
from thermedge.tokens import BUCKET_STARTS, age_bucket

_EMPTY = -1e4  # added to the attention's logits: nothing is seen there
_PEAK_CELLS = 2  # cells on each side of the peak that belong to it


class TokenStore:
    """Keeps the carried token and the best older ones in the track graph's inputs.

    Place 0 is the first frame's and never leaves. When the store is full, a new token
    takes the place of the worst one, if it is better.

    Source: the quality rule of STDTrack (arXiv 2601.09078); the formula is ours.
    """

    def __init__(self, manifest: Manifest, inputs: Tensors, outputs: Tensors) -> None:
        assert manifest.tokens is not None
        self._min_quality = manifest.tokens.min_quality
        ((carried, before),) = manifest.carried.items()
        self.inputs = (carried, "store", "store_bias", "store_age")  # those it writes
        self._token, self._next = inputs[carried], outputs[before]
        self._first = manifest.initial[carried]
        self._store, self._bias = inputs["store"], inputs["store_bias"]
        self._age = inputs["store_age"]
        self._score = outputs["score"][0, 0]
        capacity = self._store.shape[1]
        self._quality = [0.0] * capacity
        self._frames = [0] * capacity  # age of each token
        self._count = 0

    def start(self, template_outputs: Tensors) -> None:
        """Begin with the token of the first frame alone."""
        np.copyto(self._token, template_outputs[self._first])
        self._store.fill(0.0)
        self._bias.fill(_EMPTY)
        self._age.fill(0.0)
        self._count = 0
        self._put(0, self._token, quality=1.0)
        self._count = 1

    def take(self) -> None:
        """Carry the token of the frame that was just found, and store it if it is good.

        One that holds a number that is none is not carried: all later ones would be made of it.
        """
        if not math.isfinite(float(self._next.sum())):
            return
        np.copyto(self._token, self._next)
        for place in range(self._count):
            self._frames[place] += 1
            if self._frames[place] in BUCKET_STARTS:
                self._show_age(place)
        quality = peak_quality(self._score)
        if quality < self._min_quality:
            return
        if self._count < len(self._quality):
            self._put(self._count, self._next, quality=quality)
            self._count += 1
            return
        worst = min(range(1, self._count), key=self._quality.__getitem__, default=0)
        if worst and quality > self._quality[worst]:
            self._put(worst, self._next, quality=quality)

    def _put(self, place: int, token: NDArray[np.float32], *, quality: float) -> None:
        np.copyto(self._store[:, place], token[:, 0])
        self._bias[0, 0, place] = 0.0
        self._quality[place], self._frames[place] = quality, 1
        self._show_age(place)

    def _show_age(self, place: int) -> None:
        row = self._age[0, place]
        row.fill(0.0)
        row[age_bucket(self._frames[place])] = 1.0


def peak_quality(score: NDArray[np.float32]) -> float:
    """Return how high and how alone the peak of a (S, S) score map stands, [0, 1].

    The peak times one minus the mean elsewhere over the peak.
    """
    side = score.shape[1]
    best = int(score.argmax())
    row, column = divmod(best, side)
    top, left = max(row - _PEAK_CELLS, 0), max(column - _PEAK_CELLS, 0)
    around = score[top : row + _PEAK_CELLS + 1, left : column + _PEAK_CELLS + 1]
    elsewhere = float(score.sum()) - float(around.sum())
    mean = elsewhere / max(score.size - around.size, 1)
    peak = score.item(row, column)
    if not math.isfinite(peak) or peak <= 0:
        return 0.0
    return min(max(peak - mean, 0.0), 1.0)
