"""How often somebody may ask: buckets that fill with time, for a bounded number of askers."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_ASKERS = 1024  # the one heard of longest ago is forgotten


class Bucket:
    """Holds tokens; each request takes one.

    Args:
        per_s: Tokens that come back per second.
        burst: Tokens that it holds.
        clock: Seconds that never go back.
    """

    def __init__(
        self, *, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._tokens, self._filled_s = float(burst), clock()

    def take(self) -> bool:
        """Take a token; return False when there is none."""
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._filled_s) * self._per_s, self._burst)
        self._filled_s = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Limit:
    """A bucket for each asker."""

    def __init__(
        self, *, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def allows(self, asker: str) -> bool:
        """Count a request of `asker`; return whether it is within the limit."""
        bucket = self._buckets.pop(asker, None)
        if bucket is None:
            bucket = Bucket(per_s=self._per_s, burst=self._burst, clock=self._clock)
        self._buckets[asker] = bucket
        if len(self._buckets) > _MOST_ASKERS:
            self._buckets.popitem(last=False)
        return bucket.take()
