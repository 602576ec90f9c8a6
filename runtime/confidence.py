"""How likely the box is right, as far as the bundle's recordings tell."""

from __future__ import annotations

from bisect import bisect_right

from thermedge.manifest import ConfidenceSpec
from thermedge.runtime.track import State


class Confidence:
    """Turns scores and states into the probability that the box lies on the target.

    - A measured box (tracking, uncertain, reacquired) has the probability that its score had
      on the bundle's recordings.
    - A predicted box (coasting) has the share of predicted boxes that were right there, and
      never more than the last measured one had: hiding a target makes no box better.
    - A lost target has 0: the box is where it was last, and nobody looks there any more.
    - The box that a track starts from has 1: it is taken for true.

    The pieces are plain numbers; nothing is allocated per frame.

    Args:
        spec: None answers None throughout.
    """

    def __init__(self, spec: ConfidenceSpec | None) -> None:
        self._spec = spec
        self._scores = [score for score, _ in spec.knots] if spec else []
        self._chances = [chance for _, chance in spec.knots] if spec else []
        self._measured = 1.0  # of the last box that was not predicted

    def start(self) -> float | None:
        """Return the confidence of a box that was given."""
        self._measured = 1.0
        return None if self._spec is None else 1.0

    def of(self, state: State, score: float) -> float | None:
        """Return the confidence of the next frame's box."""
        if self._spec is None:
            return None
        if state == "lost":
            return 0.0
        if state == "coasting":
            return min(self._measured, self._spec.coasting)
        self._measured = self._at(score)
        return self._measured

    def _at(self, score: float) -> float:
        right = bisect_right(self._scores, score)
        if right == 0:
            return self._chances[0]
        left = right - 1
        if right == len(self._scores):
            return self._chances[left]
        share = (score - self._scores[left]) / (self._scores[right] - self._scores[left])
        return self._chances[left] + share * (self._chances[right] - self._chances[left])
