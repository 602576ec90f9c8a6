"""Facts about pixel formats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.runtime.sources.capture.pixels import (
    count_dtype,
    format_name,
    fourcc,
    picture_bytes,
    pixels,
    row_bytes,
    take_out,
)

raw = pytest.importorskip("linuxpy.video.raw")


@pytest.mark.parametrize("name", ["Y16", "Y16_BE", "Y14", "Y12", "Y10", "GREY", "YUYV", "NV12"])
def test_names_mean_the_codes_of_the_kernel(name: str) -> None:
    assert fourcc(name) == raw.PixelFormat[name]
    assert format_name(fourcc(name)) == name


def test_names_that_linuxpy_spells_differently_mean_the_codes_of_the_kernel() -> None:
    assert fourcc("AR24") == raw.PixelFormat.ABGR32
    assert fourcc("YU12") == raw.PixelFormat.YUV420
    assert fourcc("YV12") == raw.PixelFormat.YVU420


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_every_code_has_a_name(code: int) -> None:
    assert format_name(code)


def taken(decode, bytes_, *, width, rows, stride, first_row=0, shift=0):
    view = pixels(
        bytearray(bytes_),
        decode,
        width_px=width,
        first_row=first_row,
        num_rows=rows,
        stride=stride,
    )
    out = np.empty((rows, width), count_dtype(decode))
    take_out(view, out, shift=shift)
    return out.tolist()


@pytest.mark.parametrize(
    ("decode", "counts"),
    [
        ("u16le", [[0x0100, 0x0302], [0x0908, 0x0B0A]]),
        ("u16be", [[0x0001, 0x0203], [0x0809, 0x0A0B]]),
        ("u8", [[0, 1], [8, 9]]),
        ("luma_first", [[0, 2], [8, 10]]),
        ("luma_second", [[1, 3], [9, 11]]),
        ("first_of_four", [[0, 4], [8, 12]]),
    ],
)
def test_counts_come_from_their_bytes_and_padding_is_left_out(decode, counts) -> None:
    assert taken(decode, range(16), width=2, rows=2, stride=8) == counts


def test_rows_are_chosen() -> None:
    assert taken("u8", range(16), width=2, rows=1, stride=8, first_row=1) == [[8, 9]]


@pytest.mark.parametrize(("decode", "count"), [("u16le", 0x0F23), ("u16be", 0xF230)])
def test_counts_move_down_by_the_shift(decode, count) -> None:
    memory = count.to_bytes(2, "little" if decode == "u16le" else "big")
    assert taken(decode, memory, width=1, rows=1, stride=2, shift=4) == [[count >> 4]]


def test_a_picture_has_the_bytes_of_all_its_planes() -> None:
    assert picture_bytes("Y16", 1280, 512) == 1280 * 512
    assert picture_bytes("NV12", 640, 512) == 640 * 512 * 3 // 2
    assert row_bytes("first_of_four", 640) == 2560
