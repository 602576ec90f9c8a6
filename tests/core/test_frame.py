"""Facts about frames."""

import dataclasses

import numpy as np
import pytest

from thermedge.frame import Frame, Kelvin


def test_width_counts_columns_and_height_counts_rows() -> None:
    frame = Frame(np.zeros((512, 640), np.uint16), index=0, timestamp_ns=0)
    assert (frame.width_px, frame.height_px) == (640, 512)


def test_a_frame_promises_nothing_that_the_sensor_did_not_tell() -> None:
    frame = Frame(np.zeros((2, 2), np.uint16), index=7, timestamp_ns=33_000_000)
    assert frame.kelvin is None
    assert frame.sensor_c is None
    assert frame.shutter == "none"
    assert frame.bits == 16


def test_a_frame_borrows_its_counts() -> None:
    counts = np.zeros((2, 2), np.uint16)
    assert Frame(counts, index=0, timestamp_ns=0).counts is counts


def test_a_frame_can_not_be_changed() -> None:
    frame = Frame(np.zeros((2, 2), np.uint8), index=0, timestamp_ns=0, bits=8)
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.index = 1  # type: ignore[misc]


def test_a_radiometric_scale_has_a_slope_and_an_offset() -> None:
    scale = Kelvin(scale=0.01, offset=0.0)  # a Lepton in its TLinear mode, 0.01 K per count
    assert scale.scale * 30_000 + scale.offset == pytest.approx(300)
