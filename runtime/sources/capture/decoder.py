"""From a buffer of the driver to counts of ours, with what its telemetry says."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts, Kelvin
from thermedge.runtime.sources.capture.pixels import count_dtype, pixels, take_out
from thermedge.runtime.sources.capture.setup import Setup
from thermedge.runtime.sources.capture.telemetry import Reading, open_telemetry

_LOG = logging.getLogger(__name__)

_ZERO_C = 273.15
_JUDGED = 10  # pictures in which temperatures may prove themselves; the first ones may be blank


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in our own memory."""

    counts: Counts  # overwritten when the picture after the next kept one is taken
    reading: Reading | None
    kelvin: Kelvin | None


class Decoder:
    """Copies the rows of the picture out, once, and reads the rows beside it.

    It has room for two pictures: the last one kept, and the one in work. No array is
    allocated after that.
    """

    def __init__(self, setup: Setup) -> None:
        mode, made, spec = setup.mode, setup.format, setup.mode.telemetry
        self._setup = setup
        self._telemetry = open_telemetry(spec, setup.profile.shutter) if spec else None
        self._data_rows = spec.rows if spec else 0
        self._data_row = made.height_px - self._data_rows  # below the picture, until seen above
        rows = self._data_row - mode.skip_rows - mode.drop_rows
        dtype = count_dtype(mode.decode)
        self._work: Counts = np.zeros((rows, made.width_px), dtype)
        self._kept: Counts = np.zeros((rows, made.width_px), dtype)
        self._counter: int | None = None  # of the picture kept
        self._kelvin: Kelvin | None = None
        self._num_left = 0  # pictures in which `mode.kelvin` may still prove itself
        self._is_doubted = False  # that it did not was said
        self._is_first = True
        self.judge_again()
        self.height_px, self.width_px = rows, made.width_px

    def judge_again(self) -> None:
        """Believe the profile's temperatures anew as soon as a picture has plausible ones."""
        mode = self._setup.mode
        needs_proof = mode.kelvin is not None and bool(mode.plausible_c)
        self._kelvin = None if needs_proof else mode.kelvin
        self._num_left = _JUDGED if needs_proof else 0

    def take(self, memory: Any) -> Picture:
        """Return the picture in a buffer of the driver; the buffer is free afterwards."""
        reading = self._read_telemetry(memory)
        is_below = self._data_row > 0
        top = self._setup.mode.skip_rows + (0 if is_below else self._data_rows)
        take_out(self._rows(memory, top, self.height_px), self._work, shift=self._setup.shift)
        if self._is_first:
            self._check_counts(self._work)
        if self._num_left:
            self._judge(self._work)
        kelvin = None if reading is None else reading.kelvin
        return Picture(self._work, reading, kelvin or self._kelvin)

    def is_repeat(self, picture: Picture) -> bool:
        """Return whether a picture just taken is the one kept before, once more."""
        if self._is_first:
            return False
        if picture.reading is not None and self._counter is not None:
            return picture.reading.counter == self._counter
        return bool(np.array_equal(picture.counts, self._kept))

    def keep(self, picture: Picture) -> None:
        """Leave a picture just taken alone until the next one is kept."""
        self._work, self._kept = self._kept, self._work
        self._counter = picture.reading.counter if picture.reading else None
        self._is_first = False

    def _read_telemetry(self, memory: Any) -> Reading | None:
        if self._telemetry is None:
            return None
        reading = self._telemetry.read(self._rows(memory, self._data_row, self._data_rows))
        spec = self._setup.mode.telemetry
        if reading is None and spec is not None and spec.at == "detect":
            below = self._setup.format.height_px - self._data_rows
            other = 0 if self._data_row else below
            reading = self._telemetry.read(self._rows(memory, other, self._data_rows))
            self._data_row = self._data_row if reading is None else other
        if reading is None and self._is_first:
            _LOG.warning("The frames carry no telemetry that %s has.", self._setup.profile.title)
        return reading

    def _rows(self, memory: Any, first: int, count: int) -> NDArray[Any]:
        made = self._setup.format
        return pixels(
            memory,
            self._setup.mode.decode,
            width_px=made.width_px,
            first_row=first,
            num_rows=count,
            stride=made.stride,
        )

    def _check_counts(self, counts: Counts) -> None:
        """Doubt the profile's bits where the first picture has more."""
        mode = self._setup.mode
        highest = int(counts.max())
        if highest >> mode.bits:
            _LOG.warning(
                "Counts reach %d, more than %d bits hold: some boards align them higher, see "
                "?shift=BITS.",
                highest,
                mode.bits,
            )

    def _judge(self, counts: Counts) -> None:
        """Believe the profile's temperatures, or come one picture closer to never."""
        mode = self._setup.mode
        assert mode.kelvin is not None
        low_c, high_c = mode.plausible_c
        median_c = mode.kelvin.scale * float(np.median(counts)) + mode.kelvin.offset - _ZERO_C
        if low_c <= median_c <= high_c:
            self._kelvin, self._num_left = mode.kelvin, 0
            return
        self._num_left -= 1
        if not self._num_left and not self._is_doubted:
            self._is_doubted = True
            _LOG.warning(
                "Read as %s, the first %d pictures are not at plausible temperatures, the last "
                "one is at %.0f degrees C: the counts are taken for no temperatures.",
                self._setup.profile.title,
                _JUDGED,
                median_c,
            )
