"""Facts about counting frames."""

from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.runtime.sources.capture.sequence import Sequence

TOP = 2**32


def steps(*numbers: int) -> tuple[list[int | None], list[int]]:
    sequence, lost, index = Sequence(), [], []
    for stamp, number in enumerate(numbers):
        lost.append(sequence.step(number, stamp))
        index.append(sequence.index)
    return lost, index


def test_a_gap_is_what_was_lost() -> None:
    assert steps(7, 8, 11) == ([0, 0, 2], [7, 8, 11])


def test_the_index_goes_on_where_32_bits_end() -> None:
    assert steps(TOP - 2, TOP - 1, 0, 2) == ([0, 0, 0, 1], [TOP - 2, TOP - 1, TOP, TOP + 2])


def test_a_counter_that_starts_anew_loses_nothing() -> None:
    assert steps(500, 0, 1) == ([0, 0, 0], [500, 501, 502])


def test_a_number_given_twice_is_another_frame_if_its_time_is_another() -> None:
    assert steps(3, 3, 4) == ([0, 0, 0], [3, 4, 5])


def test_the_same_number_and_time_is_the_same_frame() -> None:
    sequence = Sequence()
    assert (sequence.step(3, 50), sequence.step(3, 50)) == (0, None)
    assert sequence.index == 3


def test_a_new_stream_goes_on_by_one() -> None:
    sequence = Sequence()
    sequence.step(9, 0)
    sequence.restart()
    assert sequence.step(0, 1) == 0
    assert sequence.index == 10


@settings(max_examples=40)
@given(st.lists(st.integers(0, TOP - 1), min_size=1))
def test_the_index_grows_by_one_more_than_was_lost(numbers: list[int]) -> None:
    lost, index = steps(*numbers)
    for before, after, gone in zip(index, index[1:], lost[1:], strict=False):
        assert gone is not None
        assert after == before + 1 + gone
        assert gone >= 0
