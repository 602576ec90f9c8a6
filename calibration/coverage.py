"""What a calibration set shows, and what it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from thermedge.calibration.rollout import SampleOrigin
from thermedge.calibration.strata import AXES

# Axis -> how a report calls it, and what to record where one of its values is missing.
TITLES = {
    "depth": "counts",
    "range": "scene range",
    "size": "target size",
    "contrast": "target against its surroundings",
    "shutter": "time since the shutter",
    "look": "window cut for",
    "age": "time since the start",
}
_ADVICE = {
    ("depth", "8 bit"): "record the camera's own AGC, if any board will get it",
    ("depth", "16 bit"): "record raw counts (Y16), if any board will get them",
    ("range", "flat"): "record a scene of one temperature: fog, overcast sky, a wall",
    ("range", "narrow"): "record a scene of little contrast: dusk, rain",
    ("range", "wide"): "record a scene with hot and cold parts: sun, engines beside sky",
    ("range", "clipped"): "record a scene that saturates: sun, flame, hot metal",
    ("size", "under 8 px"): "record far targets",
    ("size", "8 to 16 px"): "record targets that are far",
    ("size", "16 to 32 px"): "record targets at middle distance",
    ("size", "32 to 64 px"): "record targets that are near",
    ("size", "over 64 px"): "record targets that fill a good part of the picture",
    ("contrast", "brighter"): "record targets warmer than what is around (white-hot)",
    ("contrast", "level"): "record targets that hardly stand out",
    ("contrast", "darker"): "record targets colder than what is around, or black-hot",
    ("shutter", "under 10 s"): "record through a shutter event (FFC, NUC)",
    ("shutter", "10 to 60 s"): "record on for a minute after a shutter event",
    ("shutter", "over 60 s"): "record on for minutes after a shutter event",
    ("look", "scan"): "record a target that goes out of sight and comes back",
    ("age", "10 to 50 frames"): "record longer",
    ("age", "over 50 frames"): "record longer: what the network carries is young in all of them",
}
# "none seen" says that nobody knows, and every set follows from the first frame on.
_NEVER_MISSING = {("shutter", "none seen"), ("look", "follow"), ("age", "under 10 frames")}

_THIN = 0.03  # of the windows; below, a few pictures stand for all of their kind
_FEW, _FEW_TEMPLATES = 100, 16  # below, a set says little of rare values


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How a set's windows are spread."""

    counts: dict[str, dict[str, int]]  # axis -> value -> windows
    num_windows: int
    num_templates: int
    num_clips: int
    recordings: tuple[tuple[str, int, int, int], ...]  # name, frames, windows, starts
    left_out: dict[str, int]  # reason -> frames
    num_labelled: int  # recordings
    num_held_back: int  # recordings

    @classmethod
    def of(
        cls,
        origins: Iterable[SampleOrigin],
        *,
        num_templates: int,
        recordings: tuple[tuple[str, int, int], ...],
        left_out: Mapping[str, int],
        num_labelled: int,
        num_held_back: int,
    ) -> Coverage:
        """Count the windows.

        Args:
            origins: Of the search windows.
            num_templates: Template windows in the set.
            recordings: Name, frames and starts of each.
            left_out: Reason -> frames that gave nothing.
            num_labelled: Recordings that were followed along their labels.
            num_held_back: Labelled recordings that nothing was taken from.
        """
        origins = tuple(origins)
        counts = {axis: dict.fromkeys(values, 0) for axis, values in AXES.items()}
        for origin in origins:
            for axis, values in counts.items():
                values[getattr(origin.strata, axis)] += 1
        windows = [0] * len(recordings)
        for origin in origins:
            windows[origin.recording] += 1
        return cls(
            counts=counts,
            num_windows=len(origins),
            num_templates=num_templates,
            num_clips=len({origin.clip for origin in origins}),
            recordings=tuple(
                (name, frames, count, starts)
                for (name, frames, starts), count in zip(recordings, windows, strict=True)
            ),
            left_out=dict(left_out),
            num_labelled=num_labelled,
            num_held_back=num_held_back,
        )

    def lacks(self, axis: str, value: str) -> bool:
        """Return whether no window, or hardly any, shows this value of an axis."""
        if (axis, value) in _NEVER_MISSING:
            return False
        return self.counts[axis][value] < _THIN * self.num_windows

    @property
    def missing(self) -> list[str]:
        """What no window shows, or hardly any: one sentence each, with what to record."""
        found = []
        if self.num_windows < _FEW:
            found.append(f"only {self.num_windows} windows: give more, or longer, recordings")
        if self.num_templates < _FEW_TEMPLATES:
            found.append(f"only {self.num_templates} templates: give recordings of more targets")
        for axis, values in self.counts.items():
            for value, count in values.items():
                if not self.lacks(axis, value):
                    continue
                much = "none" if not count else f"{count} of {self.num_windows}"
                found.append(f"{TITLES[axis]} {value}: {much}; {_ADVICE[axis, value]}")
        if not self.num_held_back:
            found.append(
                "no labelled recording is held back, so accuracy can't be measured with this "
                "set; give two or more with labels"
            )
        return found

    def text(self) -> str:
        """Return the report."""
        lines = [
            f"{self.num_windows} search windows and {self.num_templates} templates, from "
            f"{self.num_clips} runs over {len(self.recordings)} recordings "
            f"({self.num_labelled} labelled); {self.num_held_back} more held back",
            "left out: "
            + ", ".join(f"{count} {what}" for what, count in self.left_out.items())
            + " frames",
        ]
        for axis, values in self.counts.items():
            lines += ["", TITLES[axis]]
            for value, count in values.items():
                share = count / self.num_windows
                lines.append(f"  {value:<16} {count:>6} {share:>6.1%}  {'#' * round(40 * share)}")
        lines += ["", "recordings: frames, windows taken, starts of the tracker"]
        for name, frames, count, starts in self.recordings:
            lines.append(f"  {frames:>7} {count:>6} {starts:>4}  {name}")
        lines += ["", "missing" if self.missing else "nothing is missing"]
        lines += [f"  {sentence}" for sentence in self.missing]
        return "\n".join(lines) + "\n"
