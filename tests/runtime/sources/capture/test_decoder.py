"""Facts about taking pictures out of the driver's memory."""

import logging

import numpy as np
import pytest

from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.decoder import Decoder
from thermedge.runtime.sources.capture.device import Device
from thermedge.runtime.sources.capture.scripted import ScriptedCamera
from thermedge.runtime.sources.capture.setup import set_up


def make(mode, uri="v4l2:auto", usb=None):
    camera = ScriptedCamera((), path="/dev/null", modes=(mode,))
    return Decoder(set_up(Device(camera, "/dev/null"), parse(uri), usb))


def boson_line():
    words = np.zeros(640, "<u2")
    words[5:15] = np.frombuffer(b"20640A050".ljust(20, b"\0"), "<u2")
    words[28], words[43], words[47] = 60, 9000, 3032
    return words


@pytest.mark.parametrize("above", [True, False])
def test_a_bosons_picture_is_what_is_not_telemetry(above: bool) -> None:
    decoder = make(("Y16", 640, 514, 1300), usb="09cb:4007")
    memory = np.full((514, 650), 7, "<u2")  # ten columns of padding
    memory[0 if above else 512, :640] = boson_line()
    memory[1 if above else 513] = 1
    first_row, last_row = (2, 513) if above else (0, 511)
    memory[first_row, 0], memory[last_row, 639] = 100, 200
    picture = decoder.take(bytearray(memory.tobytes()))
    assert picture.counts.shape == (512, 640)
    assert (picture.counts[0, 0], picture.counts[-1, -1]) == (100, 200)
    assert set(np.unique(picture.counts)) == {7, 100, 200}
    assert picture.reading is not None
    assert picture.reading.counter == 9000


def test_missing_telemetry_is_told_once(caplog) -> None:
    decoder = make(("Y16", 640, 514, 1280), usb="09cb:4007")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            decoder.keep(decoder.take(bytearray(1280 * 514)))
    assert caplog.text.count("no telemetry") == 1


def stacked(count):
    memory = np.full((384, 256), count, "<u2")
    memory[:192] = 0x8010  # the grey picture above
    return bytearray(memory.tobytes())


@pytest.mark.parametrize(("count", "is_kelvin"), [(19_200, True), (50, False), (60_000, False)])
def test_temperatures_are_believed_only_where_they_can_be_some(count, is_kelvin) -> None:
    decoder = make(("YUYV", 256, 384, 512))
    picture = decoder.take(stacked(count))
    assert picture.counts.shape == (192, 256)
    assert (picture.counts == count).all()
    assert (picture.kelvin is not None) == is_kelvin
    if picture.kelvin:
        assert picture.kelvin.scale * count == 300.0


def test_blank_pictures_at_the_start_do_not_end_temperatures(caplog) -> None:
    decoder = make(("YUYV", 256, 384, 512))
    counts = [0] * 9 + [19_200, 0]
    kelvins = [decoder.take(stacked(count)).kelvin for count in counts]
    assert [kelvin is not None for kelvin in kelvins] == [False] * 9 + [True, True]
    assert "no temperatures" not in caplog.text


def test_ten_pictures_without_temperatures_end_them_until_the_stream_begins_anew(caplog) -> None:
    decoder = make(("YUYV", 256, 384, 512))
    for _ in range(2):
        kelvins = [decoder.take(stacked(count)).kelvin for count in [0] * 10 + [19_200] * 5]
        assert kelvins == [None] * 15
        decoder.judge_again()
    assert decoder.take(stacked(19_200)).kelvin is not None
    assert caplog.text.count("no temperatures") == 1
    assert "-273 degrees C" in caplog.text


def test_data_rows_below_a_picture_are_dropped() -> None:
    decoder = make(("Y16_BE", 32, 26, 64))
    assert (decoder.width_px, decoder.height_px) == (32, 26)
    camera = ScriptedCamera(
        (), path="/dev/null", modes=(("Y16_BE", 32, 26, 64),), driver="video-i2c"
    )
    known = Decoder(set_up(Device(camera, "/dev/null"), parse("v4l2:auto"), None))
    assert (known.width_px, known.height_px) == (32, 24)
    memory = np.arange(26 * 32, dtype=">u2").tobytes()
    assert known.take(bytearray(memory)).counts[-1, -1] == 24 * 32 - 1


def test_counts_beyond_their_bits_are_doubted(caplog) -> None:
    decoder = make(("Y12", 4, 2, 8))
    with caplog.at_level(logging.WARNING):
        decoder.take(bytearray(b"\xf0\x7f" * 8))
    assert "more than 12 bits" in caplog.text


def test_a_shift_moves_counts_to_where_they_belong() -> None:
    decoder = make(("Y12", 4, 2, 8), "v4l2:auto?shift=3")
    assert (decoder.take(bytearray(b"\xf8\x7f" * 8)).counts == 0x0FFF).all()


def test_the_kept_picture_stays_while_the_next_is_taken() -> None:
    decoder = make(("Y16", 4, 2, 8))
    first = decoder.take(bytearray(b"\1\0" * 8))
    decoder.keep(first)
    second = decoder.take(bytearray(b"\2\0" * 8))
    assert (first.counts == 1).all()
    assert not decoder.is_repeat(second)
    assert decoder.is_repeat(decoder.take(bytearray(b"\1\0" * 8)))


def test_a_repeat_by_telemetry_needs_no_equal_pixels() -> None:
    decoder = make(("Y16", 640, 514, 1280), usb="09cb:4007")
    memory = np.zeros((514, 640), "<u2")
    memory[512] = boson_line()
    decoder.keep(decoder.take(bytearray(memory.tobytes())))
    memory[0, 0] = 1
    assert decoder.is_repeat(decoder.take(bytearray(memory.tobytes())))
    memory[512, 43] += 1
    assert not decoder.is_repeat(decoder.take(bytearray(memory.tobytes())))
