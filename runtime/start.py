"""Choosing the target of a track from the first frames."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from thermedge.errors import TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box

_LOG = logging.getLogger(__name__)

How = Literal["hottest", "moving"]
HOWS: tuple[str, ...] = get_args(How)

_AGREEING = 3  # findings at one place, one behind the other, that make a choice
_DOMINANCE = 1.3  # a finding must stand out this much more than the next best one


class Chooser(Protocol):
    """Looks at frames until it knows the target."""

    def choose(self, frame: Frame) -> Box | None:
        """Return the target in `frame`, px, or None to see another frame.

        Raises:
            TargetError: It gives up, or whoever chooses does.
        """
        ...

    def failed(self) -> TargetError:
        """Return the error to raise when no more frames come."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands out most in one frame."""

    box: Box
    strength: float  # how far it stands out of what is around it, standard deviations
    runner_up: float  # the same of what stands out most elsewhere; 0 for nothing

    @property
    def dominance(self) -> float:
        """How many times more than anything else it stands out; at most 99."""
        return min(self.strength / max(self.runner_up, 1e-6), 99.0)


class Finder(Protocol):
    """Looks for one kind of target."""

    least_strength: float  # standard deviations; less is not believed

    def look(self, frame: Frame) -> Finding | None:
        """Return what stands out most, None when this frame can't tell."""
        ...


class AutoChooser:
    """Chooses what stands out, alone and in several frames behind each other.

    Args:
        how: "hottest": what is warmest against its surroundings. "moving": what moves
            against the scene, a camera that pans slowly taken out.
        timeout_s: Of the frames' own clock, before it gives up.
    """

    def __init__(self, how: How, *, timeout_s: float) -> None:
        self._how, self._timeout_s = how, timeout_s
        self._finder = _finder(how)
        self._agreeing: list[Finding] = []
        self._began_ns: int | None = None
        self._best: Finding | None = None

    def choose(self, frame: Frame) -> Box | None:
        """Return the box when the last findings agree.

        A closed shutter shows nothing to choose, and no track can start on it.

        Raises:
            TargetError: The time is over.
        """
        if self._began_ns is None:
            self._began_ns = frame.timestamp_ns
        is_closed = frame.shutter == "closed"
        finding = None if is_closed else self._finder.look(frame)
        if finding is not None:
            self._note(finding)
        if len(self._agreeing) >= _AGREEING:
            chosen = self._agreeing[-1]
            x, y, w, h = chosen.box
            _LOG.info(
                "frame %d: chose %.1f,%.1f,%.1f,%.1f as %s: %.1f standard deviations, "
                "%.1f times the next best",
                *(frame.index, x, y, w, h, self._how, chosen.strength, chosen.dominance),
            )
            return chosen.box
        if frame.timestamp_ns - self._began_ns > self._timeout_s * 1e9:
            raise self.failed()
        return None

    def failed(self) -> TargetError:
        """Return the error that tells how close it came."""
        best = self._best
        came = "nothing was found at all"
        if best is not None:
            x, y, w, h = best.box
            came = (
                f"the best was {x:.0f},{y:.0f},{w:.0f},{h:.0f} with {best.strength:.1f} standard "
                f"deviations, {best.dominance:.2f} times the next best; expected "
                f"{self._finder.least_strength:g} and {_DOMINANCE:g}, {_AGREEING} frames in a row"
            )
        other = next(how for how in HOWS if how != self._how)
        return TargetError(
            f"Nothing stood out as the {self._how} target: {came}.",
            f"Give its box with --init X,Y,W,H, try --auto {other}, or allow more time with "
            "--auto-timeout.",
        )

    def _note(self, finding: Finding) -> None:
        if self._best is None or finding.strength > self._best.strength:
            self._best = finding
        is_sure = (
            finding.strength >= self._finder.least_strength and finding.dominance >= _DOMINANCE
        )
        if not is_sure:
            self._agreeing = []
        elif self._agreeing and not _are_one(self._agreeing[-1].box, finding.box):
            self._agreeing = [finding]
        else:
            self._agreeing.append(finding)


def _are_one(before: Box, now: Box) -> bool:
    """Return whether a target could have gone from one box to the other in a few frames."""
    reach = 2 * max(math.sqrt(before.area), math.sqrt(now.area))
    return math.dist(before.center, now.center) < reach and 0.2 < before.area / now.area < 5


def _finder(how: How) -> Finder:
    if how == "hottest":
        from thermedge.runtime.hottest import Hottest

        return Hottest()
    from thermedge.runtime.moving import Moving

    return Moving()
