"""Facts about the ages of tokens."""

import pytest

from thermedge.tokens import AGES, age_bucket


@pytest.mark.parametrize(
    ("frames", "bucket"), [(1, 0), (2, 1), (5, 1), (6, 2), (20, 2), (21, 3), (9999, 3)]
)
def test_ages_fall_into_buckets(frames, bucket):
    assert age_bucket(frames) == bucket < AGES
