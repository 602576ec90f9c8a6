"""Facts about lines that tell of progress."""

import pytest

from thermedge.flashing import milestones


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Waiting for target to boot-up......", "30 s is usual"),
        ("SSH ready", "answers"),
        ("Successfully flashed the external device", "firmware follows"),
        ("Flash is successful", "all is written"),
    ],
)
def test_a_known_line_is_put_in_words(line, words):
    assert words in milestones.reached(line)


def test_other_lines_are_none():
    assert milestones.reached("copying") is None
