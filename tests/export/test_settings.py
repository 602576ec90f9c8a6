"""Facts about the constants that a bundle is written with."""

import pytest

from thermedge.errors import RecipeError
from thermedge.export import settings
from thermedge.models import stdtrack


@pytest.mark.parametrize("size", stdtrack.SIZES)
def test_every_network_has_shipped_settings_that_fit_it(size):
    chosen = settings.read(settings.shipped("stdtrack", size))
    assert chosen.head.kind == "centre"
    assert 0 <= chosen.loop.accept_score <= chosen.loop.sure_score <= 1
    assert chosen.loop.accept_score <= chosen.loop.reacquire_score


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("stride_px = 8", "stride_px = 8\ncells = 20", "head has no key 'cells'"),
        ("stride_px = 8", "", "head lacks the key 'stride_px'"),
        ("stride_px = 8", 'stride_px = "8"', "head.stride_px is '8', expected int"),
        ('kind = "centre"', 'kind = "corner"', "head.kind is 'corner'"),
        ("[head]", "[head", "line"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path, old, new, problem):
    text = settings.shipped("stdtrack", "nano").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=problem) as caught:
        settings.read(path)
    assert str(path) in caught.value.problem


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match="mine.toml can't be read"):
        settings.read(tmp_path / "mine.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\x00")
    with pytest.raises(RecipeError, match="mine.toml"):
        settings.read(path)
