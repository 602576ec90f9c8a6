"""What a generated thermal scene shows: the fixed one of the demo, and random ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from thermedge.runtime.scene_outlines import Kind
from thermedge.runtime.sensor_model import SensorSpec

Backdrop = Literal["sky", "ground", "horizon"]
# What a seed alone draws; the other kinds are asked for, so that old seeds stay what they were.
_DRAWN: tuple[Kind, ...] = ("drone", "person", "vehicle", "bird", "blob")
_FLYING: tuple[Kind, ...] = ("drone", "bird", "blob", "plane", "helicopter")


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Something passes in front of the target."""

    frame: int  # the middle of the event
    num_frames: int  # from first to last touch
    coverage: float = 1.0  # share of the target's height that it hides
    contrast_k: float = -2.0  # against the target's background


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """One scene; the same spec gives the same frames.

    Speeds are per second, so that another frame rate shows the same events; frame
    numbers past the end are allowed and never happen.
    """

    width_px: int = 320
    height_px: int = 256
    rate_hz: float = 30.0
    num_frames: int = 450
    seed: int = 0
    # The world.
    backdrop: Backdrop = "horizon"
    ambient_k: float = 288.0  # air; trees and the far ground are close to it
    clutter_k: float = 1.0  # standard deviation of the ground; clouds and trees follow it
    num_objects: int = 8  # lamps, buildings, stones, puddles
    sky_drop_k: float = 8.0  # how much colder the sky is, one frame height above the horizon
    # The target.
    kind: Kind = "drone"
    target_px: float = 28.0  # sqrt(w * h) in the first frame
    contrast_k: float = 6.0  # its mean against its background; negative is colder
    end_contrast_k: float | None = None  # contrast in the last frame, None for the same
    scale_range: float = 1.5  # largest over smallest size in the scene
    speed_px_s: float = 30.0  # in the picture, without the camera's shake
    manoeuvre: float = 0.03  # chance of a new course, per frame at 30 Hz
    # The camera.
    pan_px_s: float = 20.0  # how fast the background passes
    jitter_px: float = 0.4  # shake, standard deviation
    num_saccades: int = 0  # jerks of 20 to 60 px
    # What happens.
    occlusions: tuple[Occlusion, ...] = ()
    num_distractors: int = 0  # things of the target's kind
    crossing: bool = False  # the first distractor crosses the target's way
    intruder_frames: tuple[int, ...] = ()  # something very hot passes through a corner
    sensor: SensorSpec = field(default_factory=SensorSpec)


def demo_spec(
    *,
    width_px: int = 320,
    height_px: int = 256,
    rate_hz: float = 30.0,
    num_frames: int | None = None,
    seed: int = 1,
    bits: Literal[8, 14, 16] = 16,
) -> SceneSpec:
    """Return the scene of the demo: a car on its way, a tree at 5 s, the shutter at 10 s.

    Args:
        width_px: Columns.
        height_px: Rows; the target's size follows it.
        rate_hz: Frames per second.
        num_frames: None for 15 s.
        seed: Another one gives other courses and another landscape.
        bits: 8 for a camera with its own AGC.
    """
    unit = height_px / 256
    return SceneSpec(
        width_px=width_px,
        height_px=height_px,
        rate_hz=rate_hz,
        num_frames=round(15 * rate_hz) if num_frames is None else num_frames,
        seed=seed,
        kind="vehicle",
        target_px=28 * unit,
        contrast_k=4.5,
        sky_drop_k=6.0,
        scale_range=1.6,
        speed_px_s=16 * unit,
        manoeuvre=0.01,
        pan_px_s=60 * unit,
        jitter_px=0.4 * unit,
        num_objects=14,
        occlusions=(Occlusion(frame=round(5 * rate_hz), num_frames=round(1.6 * rate_hz)),),
        num_distractors=1,
        sensor=SensorSpec(bits=bits, shutter_frames=(round(10 * rate_hz),)),
    )


def random_spec(seed: int, *, bits: Literal[8, 14, 16] | None = None, **fixed: Any) -> SceneSpec:
    """Draw a scene as varied as thermal recordings are.

    Args:
        seed: Decides everything that is not fixed.
        bits: None to draw: half of the cameras deliver 8 bits.
        fixed: Fields of `SceneSpec` that keep the given value; sizes and speeds follow
            `width_px`, `height_px`, `rate_hz` and `num_frames`, 320x256, 30 Hz and 150
            frames unless fixed.

    Source: sizes, speeds and event rates after the ground truth of public thermal
        tracking benchmarks, small targets added.
    """
    rng = np.random.default_rng([seed, 77])
    frame: dict[str, Any] = {"width_px": 320, "height_px": 256, "rate_hz": 30.0, "num_frames": 150}
    frame.update({key: fixed[key] for key in frame if key in fixed})
    spec = SceneSpec(**frame, seed=seed, sensor=_random_sensor(rng, bits, frame))
    spec = replace(spec, **_random_target(rng, spec))
    spec = replace(spec, kind=fixed.get("kind", spec.kind))  # cars do not fly
    spec = replace(spec, **_random_world(rng, spec))
    return replace(spec, **{**_random_events(rng, spec), **fixed})


def _chance(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def _log_normal(
    rng: np.random.Generator, median: float, sigma: float, low: float, high: float
) -> float:
    return float(np.clip(median * math.exp(sigma * rng.normal()), low, high))


def _random_target(rng: np.random.Generator, spec: SceneSpec) -> dict[str, Any]:
    largest = min(120.0, 0.4 * min(spec.height_px, spec.width_px))
    size = _log_normal(rng, 28, 0.75, 4, largest)
    # Blur takes contrast from the smallest targets.
    weakest = 1.2 if size > 10 else 2.5
    contrast = _log_normal(rng, 4.5, 0.7, weakest, 30) * (1 if _chance(rng, 0.7) else -1)
    pace = _log_normal(rng, 0.025, 0.8, 0.002, 0.25) * size + rng.uniform(0, 0.5)
    return {
        "kind": _DRAWN[int(rng.integers(len(_DRAWN)))],
        "target_px": size,
        "contrast_k": contrast,
        "end_contrast_k": -contrast * rng.uniform(0.5, 1) if _chance(rng, 0.15) else None,
        "scale_range": min(1.1 * math.exp(abs(rng.normal(0, 0.5))), 3.0, 1.5 * largest / size),
        "speed_px_s": min(pace, 8.0) * spec.rate_hz,
    }


def _random_world(rng: np.random.Generator, spec: SceneSpec) -> dict[str, Any]:
    choices: tuple[Backdrop, ...] = ("horizon", "ground")
    if spec.kind in _FLYING:
        choices = ("sky", "horizon", "ground")
    clutter = _log_normal(rng, 0.8, 0.6, 0.1, 0.5 * abs(spec.contrast_k))
    return {
        "backdrop": choices[int(rng.integers(len(choices)))],
        "ambient_k": float(rng.uniform(263, 308)),
        "clutter_k": clutter,
        "sky_drop_k": float(rng.uniform(1, 14)),
        "num_objects": int(rng.integers(0, 20)),
        "pan_px_s": float(rng.uniform(0, 2.0) * spec.rate_hz),
        "jitter_px": float(rng.uniform(0, 1.2)),
        "num_saccades": int(_chance(rng, 0.15)),
    }


def _random_events(rng: np.random.Generator, spec: SceneSpec) -> dict[str, Any]:
    last = max(spec.num_frames - 10, 40)
    occlusions = [_random_occlusion(rng, spec, last) for _ in range(int(rng.integers(1, 3)))]
    return {
        "occlusions": tuple(occlusions) if _chance(rng, 0.6) else (),
        "num_distractors": int(rng.integers(1, 5)) if _chance(rng, 0.5) else 0,
        "crossing": _chance(rng, 0.7),
        "intruder_frames": (int(rng.integers(15, last + 1)),) if _chance(rng, 0.2) else (),
    }


def _random_occlusion(rng: np.random.Generator, spec: SceneSpec, last: int) -> Occlusion:
    num_frames = int(rng.integers(5, 41))
    # The target shows in the first frames, where a track starts.
    frame = int(rng.integers(num_frames // 2 + 10, last + 1))
    coverage = float(rng.uniform(0.3, 1.0)) if _chance(rng, 0.6) else 1.0
    share = float(rng.choice((-1, 1)) * rng.uniform(0.2, 1.2))
    return Occlusion(frame, num_frames, coverage, spec.contrast_k * share)


def _random_sensor(
    rng: np.random.Generator, bits: Literal[8, 14, 16] | None, frame: dict[str, Any]
) -> SensorSpec:
    drawn: tuple[Literal[8, 14, 16], ...] = (8, 8, 14, 16)
    bits = drawn[int(rng.integers(4))] if bits is None else bits
    netd = float(rng.uniform(0.025, 0.08))
    middle = int(rng.integers(10, max(frame["num_frames"], 11)))
    return SensorSpec(
        bits=bits,
        radiometric=bits == 16 and _chance(rng, 0.3),
        kelvin_per_count=float(rng.uniform(0.025, 0.04)),
        centre_count=float(rng.uniform(6500, 9500)),
        black_hot=_chance(rng, 0.15),
        netd_k=netd,
        row_k=netd * float(rng.uniform(0.1, 0.3)),
        column_k=netd * float(rng.uniform(0.2, 0.5)),
        pixel_k=netd * float(rng.uniform(0.3, 1.0)),
        aging_k=netd * float(rng.uniform(0.5, 3.0)),
        since_shutter_s=float(rng.uniform(2, 180)),
        vignette_k=float(rng.uniform(0.0, 0.5)),
        drift_k_per_s=float(rng.normal(0, 0.003)),
        psf_px=float(rng.uniform(0.45, 1.2)),
        time_constant_s=float(rng.uniform(0.007, 0.014)),
        dead_share=float(rng.choice((0, 0, 1e-4, 3e-4))),
        shutter_frames=(middle,) if _chance(rng, 0.3) else (),
        closed_s=float(rng.uniform(0.3, 0.9)),
        step_k=float(rng.uniform(0.1, 0.5)),
        telemetry=_chance(rng, 0.5),
    )
