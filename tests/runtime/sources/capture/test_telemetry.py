"""Facts about telemetry rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermedge.frame import Kelvin
from thermedge.runtime.sources.capture.profiles import ShutterSpec, TelemetrySpec
from thermedge.runtime.sources.capture.telemetry import (
    BosonTelemetry,
    LeptonTelemetry,
    open_telemetry,
)

SHUTTER = ShutterSpec(gap_s=1.0, settle_s=3.0)


def lepton_rows(
    *, state=3, uptime=100_000, at_ffc=10_000, counter=70_000, fpa=30_215, tlinear=0, fine=0
):
    words = np.zeros(320, np.uint16)
    words[1:3] = uptime & 0xFFFF, uptime >> 16
    words[3:5] = (state << 4) & 0xFFFF, 0
    words[20:22] = counter & 0xFFFF, counter >> 16
    words[24] = fpa
    words[30:32] = at_ffc & 0xFFFF, at_ffc >> 16
    words[208:210] = tlinear, fine
    return words.reshape(2, 160)


def boson_rows(*, counter=70_000, at_ffc=10_000, rate=60, fpa=3032, nuc=1, part=b"20640A050"):
    words = np.zeros(640, np.uint16)
    text = part.ljust(20, b"\0")
    words[5:15] = np.frombuffer(text, "<u2")
    words[28] = rate
    words[42:44] = counter >> 16, counter & 0xFFFF
    words[44:46] = at_ffc >> 16, at_ffc & 0xFFFF
    words[47] = fpa
    words[79] = nuc
    return np.stack([words, np.zeros_like(words)])


@pytest.mark.parametrize(
    ("state", "shutter"), [(0, "none"), (1, "imminent"), (2, "closed"), (3, "none")]
)
def test_a_lepton_tells_its_shutter(state: int, shutter: str) -> None:
    reading = LeptonTelemetry(SHUTTER).read(lepton_rows(state=state))
    assert reading is not None
    assert reading.shutter == shutter


def test_a_lepton_settles_after_its_shutter_opened() -> None:
    parser = LeptonTelemetry(SHUTTER)
    seen = [parser.read(lepton_rows(uptime=50_000 + ms, at_ffc=50_000)) for ms in (0, 2999, 3000)]
    assert [reading and reading.shutter for reading in seen] == ["settling", "settling", "none"]


def test_a_lepton_has_a_kelvin_scale_only_while_it_is_radiometric() -> None:
    parser = LeptonTelemetry(SHUTTER)
    modes = [(0, 0), (0, 1), (1, 1), (1, 0)]
    seen = [parser.read(lepton_rows(tlinear=on, fine=fine)) for on, fine in modes]
    kelvins = [reading.kelvin for reading in seen if reading]
    assert kelvins == [None, None, Kelvin(0.01, 0.0), Kelvin(0.1, 0.0)]
    assert len({reading.range for reading in seen if reading}) == 3


def test_a_leptons_long_numbers_have_their_low_word_first() -> None:
    reading = LeptonTelemetry(SHUTTER).read(lepton_rows(counter=0x0001_0002))
    assert reading is not None
    assert reading.counter == 0x0001_0002
    assert reading.sensor_c == pytest.approx(29.0)


def test_rows_without_telemetry_are_not_taken_for_any() -> None:
    assert LeptonTelemetry(SHUTTER).read(np.zeros((2, 160), np.uint16)) is None
    assert BosonTelemetry(SHUTTER).read(np.zeros((2, 640), np.uint16)) is None
    assert BosonTelemetry(SHUTTER).read(np.full((2, 640), 3032, np.uint16)) is None
    assert BosonTelemetry(SHUTTER).read(boson_rows(fpa=60_000)) is None


def low_bytes(rows):
    """Pack a byte of the words, high one first, into each sample."""
    packed = np.zeros_like(rows)
    packed[0, ::2], packed[0, 1::2] = rows[0, :320] >> 8, rows[0, :320] & 0xFF
    return packed


@pytest.mark.parametrize(
    "pack",
    [
        lambda rows: rows,
        lambda rows: rows.byteswap(),
        low_bytes,
        lambda rows: low_bytes(rows.byteswap()),
    ],
)
def test_a_bosons_line_is_read_in_every_packing(pack) -> None:
    reading = BosonTelemetry(SHUTTER).read(pack(boson_rows(counter=0x0001_0002)))
    assert reading is not None
    assert reading.counter == 0x0001_0002
    assert reading.sensor_c == pytest.approx(30.05)


def test_a_boson_settles_after_a_correction() -> None:
    parser = BosonTelemetry(ShutterSpec(settle_s=1.0))
    seen = [parser.read(boson_rows(counter=5000 + n, at_ffc=5000)) for n in (0, 59, 60)]
    assert [reading and reading.shutter for reading in seen] == ["settling", "settling", "none"]


def test_a_boson_that_changes_its_table_changes_its_range() -> None:
    parser = BosonTelemetry(SHUTTER)
    one, two = parser.read(boson_rows(nuc=1)), parser.read(boson_rows(nuc=2))
    assert one is not None
    assert two is not None
    assert one.range != two.range
    assert one.kelvin is None


@settings(max_examples=25)
@given(hnp.arrays(np.uint16, (2, 640)))
def test_noise_never_breaks_a_parser(rows) -> None:
    for name in ("lepton", "boson"):
        open_telemetry(TelemetrySpec(name, 2, "bottom"), SHUTTER).read(rows)


@settings(max_examples=40)
@given(st.binary(min_size=0, max_size=20))
def test_any_part_number_is_text_or_no_telemetry(part: bytes) -> None:
    reading = BosonTelemetry(SHUTTER).read(boson_rows(part=part))
    assert reading is None or reading.range.isprintable()
