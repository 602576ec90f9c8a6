"""The outlines of the things that move in a generated scene, each part with its heat."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal[
    "drone", "person", "vehicle", "bird", "blob",
    "animal", "rider", "truck", "boat", "plane", "helicopter",
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "drone", "person", "vehicle", "bird", "blob",
    "animal", "rider", "truck", "boat", "plane", "helicopter",
)  # fmt: skip
MOVING: tuple[Kind, ...] = ("person", "bird", "animal", "rider")  # in themselves
Points = NDArray[np.float64]  # (M, 2) outline, free units, y down
Part = tuple[Points, float]  # an outline and its heat over the ambient, free units
Build = Callable[[np.random.Generator, float], list[Part]]


def parts(kind: Kind, rng: np.random.Generator, phase: float) -> list[Part]:
    """Return the parts of a thing in the order in which they are painted.

    Args:
        kind: What it is.
        rng: Decides its build; the same state for every phase of one thing.
        phase: Of its gait, wing beat or rotor, radians.
    """
    return _BUILD[kind](rng, phase)


def ripple(rng: np.random.Generator, angle: Points, waves: int) -> Points:
    """Return a closed random curve over the angle, of about unit size."""
    total = np.zeros_like(angle)
    for wave in range(2, waves):
        total += rng.normal() / math.sqrt(waves) * np.cos(wave * angle + rng.uniform(0, 6.3))
    return total


def _oval(x: float, y: float, rx: float, ry: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 32, endpoint=False)
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def _limb(x0: float, y0: float, x1: float, y1: float, width: float) -> Points:
    along = np.array([x1 - x0, y1 - y0])
    across = np.array([-along[1], along[0]]) * (width / 2 / math.hypot(*along))
    a, b = np.array([x0, y0]), np.array([x1, y1])
    return np.array([a + across, b + 0.7 * across, b - 0.7 * across, a - across])


def _drone(rng: np.random.Generator, _: float) -> list[Part]:
    tilt, reach = rng.uniform(0.12, 0.45), rng.uniform(0.75, 0.95)
    motor, body = rng.uniform(1.5, 2.6), rng.uniform(0.2, 0.3)
    parts: list[Part] = []
    for x, y in ((-reach, -tilt), (reach, -tilt), (-reach * 0.9, tilt), (reach * 0.9, tilt)):
        parts.append((_oval(x, y - 0.1, 0.34, 0.05), 0.45))
        parts.append((_limb(0, 0, x, y, 0.12), 0.7))
        parts.append((_oval(x, y, 0.1, 0.11), motor))
    parts += [(_limb(s * 0.15, 0.1, s * 0.3, tilt + 0.3, 0.07), 0.6) for s in (-1, 1)]
    parts.append((_oval(0, 0, body * 1.2, body), 1.0))
    parts.append((_oval(0, -0.06, body * 0.7, body * 0.4), 1.8))
    parts.append((_oval(0, body, 0.1, 0.1), 1.2))
    return parts


def _person(rng: np.random.Generator, phase: float) -> list[Part]:
    stride, broad = rng.uniform(0.2, 0.34), rng.uniform(0.2, 0.27)
    clothes = rng.uniform(0.6, 1.0)
    swing = stride * math.sin(phase)
    parts: list[Part] = []
    for s in (-1, 1):
        hand_x = s * broad - s * 0.7 * swing
        parts.append((_limb(s * 0.08, -0.1, s * 0.08 + s * swing, 0.95, 0.2), 0.8 * clothes))
        parts.append((_limb(s * broad, -0.62, hand_x, -0.08, 0.13), clothes))
        parts.append((_oval(hand_x, -0.05, 0.06, 0.07), 1.5))
    torso = [(-broad, -0.68), (broad, -0.68), (0.8 * broad, 0.0), (-0.8 * broad, 0.0)]
    parts.append((np.array(torso), clothes))
    parts.append((_oval(0.02, -0.84, 0.12, 0.16), 1.7))
    return parts


def _vehicle(rng: np.random.Generator, _: float) -> list[Part]:
    back, roof = rng.uniform(-0.95, -0.55), rng.uniform(-0.55, -0.35)
    front, hood = rng.uniform(0.2, 0.4), rng.uniform(1.4, 2.4)
    body = [(-1, 0.3), (-1, -0.08), (front + 0.2, -0.1), (0.97, 0.02), (1, 0.3)]
    cabin = [(back - 0.05, -0.05), (back + 0.12, roof), (front, roof), (front + 0.26, -0.05)]
    glass = [(back + 0.1, -0.1), (back + 0.18, roof + 0.08), (front - 0.04, roof + 0.08)]
    glass.append((front + 0.14, -0.1))
    engine = [(front + 0.25, -0.06), (0.95, 0.03), (0.97, 0.2), (front + 0.25, 0.2)]
    parts: list[Part] = [(np.array(body), 0.9), (np.array(cabin), 0.8)]
    parts += [(np.array(glass), 0.25), (np.array(engine), hood)]
    parts += [(_oval(x, 0.3, 0.19, 0.19), 1.5) for x in (-0.6, 0.6)]
    parts.append((_oval(-0.93, 0.27, 0.06, 0.05), 3.0))
    return parts


def _bird(rng: np.random.Generator, phase: float) -> list[Part]:
    lift, span = 0.45 * math.cos(phase), rng.uniform(0.8, 1.0)
    parts: list[Part] = []
    for s in (-1, 1):
        elbow, tip = (s * 0.5 * span, -0.7 * lift - 0.06), (s * span, -lift)
        wing = [(0.0, -0.1), elbow, tip, (s * 0.45 * span, -0.6 * lift + 0.12), (0.0, 0.12)]
        parts.append((np.array(wing), 0.6))
    parts.append((_oval(0, 0, 0.17, 0.2), 1.5))
    parts.append((_oval(0.08, -0.16, 0.09, 0.09), 1.7))
    return parts


def _blob(rng: np.random.Generator, _: float) -> list[Part]:
    angle = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    radius = 1 + 0.28 * ripple(rng, angle, 6)
    long = rng.uniform(0.7, 1.5)
    outline = np.column_stack([np.cos(angle) * radius * long, np.sin(angle) * radius])
    core = outline * rng.uniform(0.35, 0.6) + rng.uniform(-0.2, 0.2, 2)
    return [(outline, 0.8), (core, rng.uniform(1.1, 1.8))]


def _animal(rng: np.random.Generator, phase: float) -> list[Part]:
    """A beast on four legs from the side, as lean as a deer or as low as a hedgehog."""
    deep, legs = rng.uniform(0.2, 0.42), rng.uniform(0.12, 0.75)
    neck, reach = rng.uniform(-0.5, 0.25), rng.uniform(0.12, 0.4)
    skull, fur = rng.uniform(0.12, 0.22), rng.uniform(0.6, 1.0)
    tail_x, tail_y = rng.uniform(0.1, 0.6), rng.uniform(-0.4, 0.3)
    swing = 0.45 * min(legs, 0.5) * math.sin(phase)
    foot = deep * 0.6 + legs
    out: list[Part] = []
    for x, way in ((-0.55, 1), (-0.45, -1), (0.45, -1), (0.55, 1)):
        out.append((_limb(x, 0.1, x + way * swing, foot, 0.17), 0.9))
    out.append((_limb(-0.65, -0.1, -0.65 - tail_x, -0.1 + tail_y, 0.1), 0.7))
    out.append((_oval(0, 0, 0.72, deep), fur))
    out.append((_oval(0.25, 0.05, 0.35, deep * 0.6), 1.2 * fur))
    out.append((_limb(0.5, -0.05, 0.65 + reach, neck, 0.24), fur))
    out.append((_oval(0.68 + reach, neck, skull * 1.3, skull), 1.6))
    return out


def _rider(rng: np.random.Generator, phase: float) -> list[Part]:
    """Someone on a bicycle or a motorbike, from the side."""
    lean, wheel, engine = rng.uniform(0.0, 0.35), rng.uniform(0.3, 0.38), rng.uniform(0.4, 2.6)
    foot_x, foot_y = 0.14 * math.cos(phase), 0.14 * math.sin(phase)
    out: list[Part] = []
    for x in (-0.55, 0.55):
        out.append((_oval(x, 0.55, wheel, wheel), 0.5))
        out.append((_oval(x, 0.55, wheel * 0.75, wheel * 0.75), 0.15))
    out.append((_limb(-0.55, 0.55, 0.0, 0.5, 0.09), 0.5))
    out.append((_limb(0.0, 0.5, 0.5, 0.05, 0.09), 0.5))
    out.append((_oval(0.0, 0.45, 0.18, 0.14), engine))
    out.append((_limb(-0.18, 0.0, foot_x, 0.5 + foot_y, 0.18), 0.9))
    out.append((_limb(-0.2, 0.05, lean, -0.55, 0.32), 0.8))
    out.append((_limb(lean, -0.45, 0.48, 0.0, 0.11), 1.0))
    out.append((_oval(lean + 0.08, -0.75, 0.14, 0.16), 1.6))
    return out


def _truck(rng: np.random.Generator, _: float) -> list[Part]:
    """A van, a bus, a lorry: a box, mostly with a cab of its own."""
    top, cab = rng.uniform(-0.75, -0.3), rng.uniform(0.0, 0.45)
    load, hood = rng.uniform(0.3, 1.0), rng.uniform(1.2, 2.2)
    roof = top * rng.uniform(0.7, 1.0)
    front = 1 - cab
    box = [(-1, 0.3), (-1, top), (front, top), (front, 0.3)]
    seat = [(front, 0.3), (front, roof), (0.96, roof * 0.95), (1, -0.05), (1, 0.3)]
    glass = [(front + 0.02, -0.05), (front + 0.02, roof * 0.85), (0.93, roof * 0.8), (0.97, -0.05)]
    out: list[Part] = [(np.array(box), load), (np.array(seat), 0.85), (np.array(glass), 0.3)]
    out.append((np.array([(front, 0.05), (0.99, 0.05), (0.99, 0.25), (front, 0.25)]), hood))
    out += [(_oval(x, 0.3, 0.15, 0.15), 1.4) for x in (-0.75, -0.45, 0.7)]
    return out


def _boat(rng: np.random.Generator, _: float) -> list[Part]:
    """A hull with a house on it, and a funnel or a mast."""
    house, stern, high = rng.uniform(0.2, 0.5), rng.uniform(-0.6, 0.1), rng.uniform(0.2, 0.6)
    hull = [(-0.95, 0.0), (1.0, -0.08), (0.75, 0.3), (-0.85, 0.3)]
    wall = [(stern, 0.0), (stern, -high), (stern + house, -high), (stern + house, 0.0)]
    out: list[Part] = [(np.array(hull), 0.7), (np.array(wall), 1.1)]
    mast = stern + house * rng.uniform(0.2, 0.8)
    out.append((_limb(mast, -high, mast, -high - rng.uniform(0.1, 0.7), 0.08), 0.9))
    out.append((_oval(stern + 0.1, -high - 0.06, 0.09, 0.1), rng.uniform(0.8, 2.8)))
    out.append((_oval(-0.9, 0.1, 0.12, 0.16), rng.uniform(0.6, 2.4)))
    return out


def _plane(rng: np.random.Generator, _: float) -> list[Part]:
    """An aeroplane, from below or nearly from the side."""
    seen, swept = rng.uniform(0.1, 1.0), rng.uniform(0.0, 0.5)
    span, chord, thick = (
        rng.uniform(0.6, 1.1) * seen,
        rng.uniform(0.14, 0.3),
        rng.uniform(0.07, 0.13),
    )
    engine, hot = rng.uniform(0.2, 0.5), rng.uniform(1.3, 2.8)
    out: list[Part] = []
    for s, share in ((-1, 1.0), (1, rng.uniform(0.5, 1.0))):
        tip = s * span * share
        wing = [(0.2, 0), (0.2 - swept, tip), (0.1 - swept - chord * 0.4, tip), (0.2 - chord, 0)]
        rear = [(-0.75, 0), (-0.9, 0.35 * tip), (-0.98, 0.35 * tip), (-0.92, 0)]
        out += [(np.array(wing), 0.7), (np.array(rear), 0.6)]
        out.append((_oval(0.15 - swept * engine, tip * engine, 0.12, 0.055), hot))
    fin = [(-0.7, 0.0), (-0.95, -rng.uniform(0.2, 0.4)), (-1.0, -0.2), (-0.95, 0.0)]
    out.append((np.array(fin), 0.6))
    out.append((_oval(0, 0, 1.0, thick), 1.0))
    return out


def _helicopter(rng: np.random.Generator, _: float) -> list[Part]:
    """A cabin with a hot engine on top, a boom, and the disc of the rotor."""
    boom, deep = rng.uniform(0.7, 1.1), rng.uniform(0.2, 0.32)
    reach = rng.uniform(0.7, 1.05)
    out: list[Part] = [(_limb(-0.2, -0.06, -boom, -0.12, 0.13), 0.7)]
    fin = [(-boom, -0.05), (-boom - 0.12, -0.35), (-boom + 0.02, -0.35), (-boom + 0.08, -0.08)]
    out.append((np.array(fin), 0.7))
    out.append((_limb(-reach, -deep - 0.14, reach, -deep - 0.14, 0.08), 0.6))
    out.append((_limb(0.05, -deep - 0.14, 0.05, 0, 0.1), 0.9))
    out.append((_oval(0.1, 0, 0.42, deep), 0.9))
    out.append((_oval(0.0, -deep * 0.8, 0.24, 0.1), rng.uniform(1.6, 3.0)))
    out.append((_limb(-0.2, deep + 0.1, 0.4, deep + 0.1, 0.05), 0.5))
    return out


_BUILD: dict[Kind, Build] = {
    "drone": _drone,
    "person": _person,
    "vehicle": _vehicle,
    "bird": _bird,
    "blob": _blob,
    "animal": _animal,
    "rider": _rider,
    "truck": _truck,
    "boat": _boat,
    "plane": _plane,
    "helicopter": _helicopter,
}
