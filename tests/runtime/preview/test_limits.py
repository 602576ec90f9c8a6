"""Facts about how often somebody may ask."""

from hypothesis import given
from hypothesis import strategies as st

from thermedge.runtime.preview import limits
from thermedge.runtime.preview.limits import Bucket, Limit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_is_full_at_first_and_fills_with_time():
    clock = Clock()
    bucket = Bucket(per_s=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now = 0.6
    assert [bucket.take() for _ in range(2)] == [True, False]


@given(pauses=st.lists(st.floats(0, 5), max_size=60))
def test_no_rhythm_gets_more_than_burst_and_rate(pauses):
    clock, taken = Clock(), 0
    bucket = Bucket(per_s=3, burst=5, clock=clock)
    for pause in pauses:
        clock.now += pause
        taken += bucket.take()
    assert taken <= 5 + 3 * clock.now + 1e-6


def test_each_asker_has_a_bucket_of_its_own():
    limit = Limit(per_s=1, burst=1, clock=Clock())
    assert [limit.allows(asker) for asker in "aab"] == [True, False, True]


def test_askers_without_number_cost_bounded_memory(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_ASKERS", 3)
    limit = Limit(per_s=1, burst=1, clock=Clock())
    for asker in "abcd":
        limit.allows(asker)
    assert limit.allows("a")  # forgotten, so it begins anew
    assert not limit.allows("d")
