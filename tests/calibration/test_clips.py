from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from thermedge.calibration.clips import ClipRef, split


def clips(groups):
    return [
        ClipRef(
            layout="plain",
            folder="/data",
            name=f"{group}{number}",
            group=group,
            first=0,
            frames=9,
            labels="",
        )
        for group, count in groups.items()
        for number in range(count)
    ]


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_every_clip_is_on_one_side_and_no_group_of_two_is_on_one_side_only(groups, share, seed):
    given_clips = clips(groups)
    used, held = split(given_clips, share, seed)
    assert sorted(c.name for c in (*used, *held)) == sorted(c.name for c in given_clips)
    for group, count in groups.items():
        if count > 1:
            assert {c.group for c in used} >= {group} <= {c.group for c in held}
        else:
            assert group in {c.group for c in used}


def test_the_share_is_kept_in_every_group():
    _, held = split(clips({"a": 20, "b": 8}), 0.25, seed=0)
    assert [sum(c.group == g for c in held) for g in "ab"] == [5, 2]


def test_the_split_goes_by_the_seed_and_not_by_the_order():
    some = clips({"a": 12})
    assert split(some, 0.3, 1) == split(some[::-1], 0.3, 1)
    assert split(some, 0.3, 1) != split(some, 0.3, 2)


def test_nothing_is_held_back_when_nobody_asks_for_it():
    some = clips({"a": 3})
    assert split(some, 0.0, 1) == (tuple(some), ())


def test_the_order_makes_no_difference_to_clips_of_one_name_either():
    one, two = (replace(clip, folder=folder) for folder in ("/a", "/b") for clip in clips({"g": 1}))
    assert split([one, two], 0.5, seed=0) == split([two, one], 0.5, seed=0)
