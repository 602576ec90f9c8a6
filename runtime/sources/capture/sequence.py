"""From a driver's frame counter to an index that only grows."""

from __future__ import annotations

_MODULUS = 1 << 32


class Sequence:
    """Counts every frame that the driver numbers, delivered or not.

    The counter has 32 bits and wraps; it starts anew with every stream; and some drivers
    hand out a number twice, or never count at all. `index` goes on through all of that.
    """

    def __init__(self) -> None:
        self.index = -1  # of the last frame
        self._last: tuple[int, int] | None = None

    def step(self, number: int, stamp_ns: int) -> int | None:
        """Move on to the driver's frame `number`.

        Returns:
            How many frames were lost before it; None when it is the last one once more.
        """
        last, self._last = self._last, (number, stamp_ns)
        if last == self._last:
            return None
        if last is None:
            self.index = number if self.index < 0 else self.index + 1
            return 0
        ahead = (number - last[0]) % _MODULUS
        # Half the range ahead is behind: the counter was reset. 0 is a number given twice.
        lost = ahead - 1 if 0 < ahead < _MODULUS // 2 else 0
        self.index += 1 + lost
        return lost

    def restart(self) -> None:
        """Expect the counter to begin anew; the index goes on by one."""
        self._last = None
