"""Facts about choosing a target by itself: it agrees with itself, or it says why not."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from thermedge.errors import TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime.scene import demo_spec
from thermedge.runtime.sources.synthetic import SyntheticSource
from thermedge.runtime.start import HOWS, AutoChooser, Finding

BOX = Box(50, 40, 10, 8)


class Told:
    """A finder that says what it is told to, frame by frame."""

    least_strength = 5.0

    def __init__(self, *findings):
        self.findings = list(findings)

    def look(self, frame):
        return self.findings.pop(0) if self.findings else None


def chosen(*findings, frames=20, timeout_s=10.0):
    """The number of the frame that a box is chosen in, and the box."""
    chooser = AutoChooser("hottest", timeout_s=timeout_s)
    chooser._finder = Told(*findings)
    for index in range(frames):
        box = chooser.choose(Frame(np.zeros((9, 9), np.uint8), index, index * 10**8, 8))
        if box is not None:
            return index, box
    return None


SURE = Finding(BOX, 9.0, 3.0)


def test_three_findings_at_one_place_make_a_choice():
    moved = replace(SURE, box=Box(54, 41, 11, 8))
    assert chosen(SURE, SURE, moved) == (2, moved.box)


@pytest.mark.parametrize(
    "doubt",
    [
        Finding(Box(150, 40, 10, 8), 9.0, 3.0),  # elsewhere
        Finding(Box(30, 20, 50, 48), 9.0, 3.0),  # something else
        Finding(BOX, 4.9, 0.1),  # weak
        Finding(BOX, 9.0, 8.0),  # one of two
    ],
)
def test_a_doubt_begins_the_count_anew(doubt):
    assert chosen(SURE, SURE, doubt, SURE, SURE, SURE) == (5, BOX)


def test_a_frame_that_tells_nothing_is_no_doubt():
    assert chosen(SURE, None, SURE, SURE) == (3, BOX)


def test_when_the_time_is_over_it_says_how_close_it_came():
    weak = Finding(BOX, 4.0, 3.9)
    with pytest.raises(TargetError) as caught:
        chosen(weak, weak, timeout_s=1.0)
    assert "the best was 50,40,10,8 with 4.0 standard deviations" in caught.value.problem
    assert "1.03 times the next best; expected 5 and 1.3" in caught.value.problem
    assert "--auto moving" in caught.value.remedy


def test_the_time_is_that_of_the_frames():
    assert chosen(*([None] * 9), SURE, SURE, SURE, timeout_s=2.0, frames=3) is None
    with pytest.raises(TargetError, match="nothing was found at all"):
        chosen(timeout_s=1.95, frames=21)


def test_the_choice_is_logged_with_how_sure_it_is(caplog):
    with caplog.at_level(logging.INFO, "thermedge"):
        chosen(SURE, SURE, SURE)
    assert "chose 50.0,40.0,10.0,8.0 as hottest: 9.0 standard deviations" in caplog.text
    assert "3.0 times the next best" in caplog.text


@pytest.mark.parametrize("how", HOWS)
def test_noise_alone_is_no_target(how):
    rng = np.random.default_rng(4)
    chooser = AutoChooser(how, timeout_s=1.0)
    with pytest.raises(TargetError, match="stood out"):  # noqa: PT012
        for index in range(40):
            counts = rng.normal(8000, 5, (96, 128)).astype(np.uint16)
            chooser.choose(Frame(counts, index, round(index * 1e9 / 9)))


@pytest.mark.parametrize(("how", "most_frames"), [("hottest", 10), ("moving", 60)])
def test_the_target_of_a_generated_sky_is_found(how, most_frames):
    spec = replace(
        demo_spec(width_px=256, height_px=192, num_frames=most_frames, seed=2),
        kind="drone",
        backdrop="sky",
        target_px=14.0,
        contrast_k=6.0,
        num_objects=0,
        num_distractors=0,
        occlusions=(),
        pan_px_s=8.0,
        speed_px_s=25.0,
    )
    source = SyntheticSource(spec)
    chooser = AutoChooser(how, timeout_s=10.0)
    for frame in source:
        box = chooser.choose(frame)
        if box is not None:
            break
    assert box is not None
    assert box.iou(source.truth(frame.index)) > 0.3


def test_nothing_is_chosen_behind_a_closed_shutter():
    chooser = AutoChooser("hottest", timeout_s=10.0)
    chooser._finder = Told(*([SURE] * 20))
    counts = np.zeros((9, 9), np.uint8)
    for index in range(10):
        shutter = "closed" if index < 6 else "settling"
        box = chooser.choose(Frame(counts, index, index * 10**8, 8, shutter=shutter))
        if box is not None:
            break
    assert (index, box) == (8, BOX)
