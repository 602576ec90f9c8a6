"""The ages of stored tokens, as the network and the runtime count them."""

from __future__ import annotations

AGES = 4  # buckets: 1 frame, 2 to 5, 6 to 20, more
BUCKET_STARTS = (1, 2, 6, 21)  # frames


def age_bucket(frames: int) -> int:
    """Return the bucket of an age in frames, 0 to AGES - 1."""
    return sum(frames >= start for start in BUCKET_STARTS[1:])
