"""Facts about versions of L4T."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.board_configs import l4t

NUMBERS = st.tuples(*(st.integers(0, 99),) * 3)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64", "36.4.3"),
        ("# R32 (release), REVISION: 7.6, GCID: 1, BOARD: t210ref", "32.7.6"),
        ("# R38 (release), REVISION: 2.0, GCID: 1\n# KERNEL_VARIANT: oot\n", "38.2.0"),
        ("INSTALL_TYPE=\n# R39 (release), REVISION: 2.1,", "39.2.1"),
        ("# R36 (release), REVISION: 4.3.1, GCID: 1", None),  # no version of L4T has four numbers
        ("Debian 12", None),
        ("", None),
    ],
)
def test_a_release_file_tells_the_version(text, version):
    assert l4t.from_release_file(text) == version


@given(NUMBERS, NUMBERS)
def test_versions_compare_as_numbers(one, other):
    texts = [".".join(map(str, numbers)) for numbers in (one, other)]
    assert (l4t.parse(texts[0]) < l4t.parse(texts[1])) == (one < other)


@pytest.mark.parametrize("text", ["", "36.", "R36", "36.4.3.1", "36.x", " 36.4.3"])
def test_other_text_is_no_version(text):
    with pytest.raises(ValueError, match="no version"):
        l4t.parse(text)


@pytest.mark.parametrize(
    ("version", "is_within"),
    [("36.4.3", True), ("36.10.0", True), ("36.4.2", False), ("37", False), ("37.0.0", False)],
)
def test_a_range_ends_before_its_end(version, is_within):
    assert l4t.is_within(version, ">=36.4.3,<37") == is_within


@pytest.mark.parametrize("span", ["", ">=36", "<37,>=36", ">36,<37", ">=37,<36", ">=36,<36"])
def test_other_text_is_no_range(span):
    with pytest.raises(ValueError, match="range"):
        l4t.bounds(span)


def test_every_known_version_has_another_form_than_its_jetpack():
    assert all(l4t.parse(version) > l4t.parse(jp) for version, jp in l4t.JETPACK.items())
