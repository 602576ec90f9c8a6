from collections.abc import Callable
from dataclasses import replace

import pytest

from thermedge.geometry import Box
from thermedge.profiling.board_watch import Moment, told
from thermedge.profiling.latency import FrameTimes
from thermedge.profiling.report import Profile
from thermedge.profiling.runs import Run
from thermedge.runtime.board_state import BoardState
from thermedge.runtime.track import Track

STATE = BoardState(
    power_mode="MAXN",
    temperatures_c={"cpu": 50.0, "gpu": 48.0},
    rails_w={"VDD_IN": 6.0},
    clocks_mhz={"cpu0": 1500.0},
    is_throttled=False,
    throttle_counts={},
    governors={"cpu0": "schedutil"},
    are_clocks_locked=False,
)
BOX = Box(1, 2, 3, 4)
STAGES = {"wait": 5.0, "scale": 0.5, "infer": 2.0, "update": 1.5}


@pytest.fixture
def board_state() -> BoardState:
    """A board that draws 6 W."""
    return STATE


@pytest.fixture
def make_profile() -> Callable[..., Profile]:
    """Return a function that makes a profile of runs with 60 results, 10 ms apart."""

    def make(*names: str, state: BoardState = STATE, in_loop: bool = True) -> Profile:
        moments = [Moment(100.0 + second, state) for second in range(4)]
        runs = [Run(name, _times(), 12.0, {"tracking": 61}, in_loop=in_loop) for name in names]
        figures = [run.figures(0) for run in runs]
        conditions = {"This machine": {"board": "a <board>"}}
        return Profile(conditions, told(moments), moments, runs, figures, warm_up=0)

    return make


def _times() -> FrameTimes:
    now = iter(100 + index / 100 for index in range(61))
    found = FrameTimes(lambda: next(now))
    track = Track(BOX, 0.9, "tracking", 0, 0, 0, STAGES)
    for index in range(61):
        found.add(replace(track, frame_index=index, start=None if index else BOX))
    return found
