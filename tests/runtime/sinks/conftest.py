"""A frame and a track that the sinks' tests share."""

import numpy as np
import pytest

from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.track import Track


@pytest.fixture
def frame() -> Frame:
    return Frame(np.full((48, 64), 90, np.uint8), index=7, timestamp_ns=233_333_333, bits=8)


@pytest.fixture
def track() -> Track:
    return Track(
        box=Box(12.34567, 20.5, 9.87654, 7.0),
        score=0.87654,
        state="tracking",
        frame_index=7,
        timestamp_ns=233_333_333,
        dropped=2,
        stage_ms={"wait": 30.0, "crop": 0.25, "infer": 3.45678},
    )
