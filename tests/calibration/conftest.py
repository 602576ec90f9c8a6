import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.calibration.rollout import Collector, Footage
from thermedge.calibration.strata import Strata
from thermedge.frame import Frame
from thermedge.geometry import Box


class ListedFrames:
    """A source that delivers what it is given."""

    live = False
    rate_hz = 30.0
    start_box = None

    def __init__(self, frames):
        self._frames = frames
        self.height_px, self.width_px = frames[0].counts.shape
        self.num_frames = len(frames)
        self.faults = {}

    def __iter__(self):
        return iter(self._frames)

    def close(self):
        pass


def square_box(number):
    return Box(40.0 + 2 * number, 40.0, 18.0, 14.0)


@pytest.fixture(scope="session")
def make_frames():
    """Return a function that draws a bright square moving to the right over noise."""

    def make(count, *, dtype=np.uint8, shutter=None, again=(), hidden=()):
        rng = np.random.default_rng(3)
        blobs = np.kron(rng.integers(0, 40, (12, 16)), np.ones((10, 10)))
        frames = []
        for number in range(count):
            picture = 60 + blobs + rng.normal(0, 3, (120, 160))
            x, y, w, h = (round(value) for value in square_box(number))
            if number not in hidden:
                picture[y : y + h, x : x + w] = 200
            if dtype == np.uint16:
                picture = 7000 + 10 * picture
            counts = np.clip(picture, 0, np.iinfo(dtype).max).astype(dtype)
            if number in again:
                counts = frames[-1].counts
            told = (shutter or {}).get(number, "none")
            bits = 8 if dtype == np.uint8 else 14
            time_ns = round(number * 1e9 / 30)
            frames.append(Frame(counts, number, time_ns, bits=bits, shutter=told))
        return frames

    return make


@pytest.fixture(scope="session")
def make_footage():
    """Return a function that makes footage of frames, labelled unless told otherwise."""

    def make(frames, name="square", **options):
        if not options.keys() & {"init", "choose", "truth"}:
            options["truth"] = np.array([list(square_box(i)) for i in range(len(frames))])
        return Footage(name, lambda: ListedFrames(frames), **options)

    return make


@pytest.fixture(scope="session")
def shipped():
    return bundle.read(find("default"))


@pytest.fixture
def collector(shipped):
    with Collector(shipped, windows=400, templates=60, seed=1) as made:
        yield made


@pytest.fixture
def strata():
    """Return a function that makes strata that differ from everyday ones as told."""

    def make(**changes):
        usual = {
            "depth": "8 bit",
            "range": "wide",
            "size": "16 to 32 px",
            "contrast": "brighter",
            "shutter": "none seen",
            "look": "follow",
            "age": "under 10 frames",
        }
        return Strata(**(usual | changes))

    return make
