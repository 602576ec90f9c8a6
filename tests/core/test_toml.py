"""Facts about the TOML that we write."""

import pytest

from thermedge.toml import dumps, loads
from thermedge.training import recipe


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_recipe_is_read_back_as_it_was(name):
    _, text = recipe.read(name)
    assert loads(dumps(loads(text))) == loads(text)


def test_words_are_kept_whatever_is_in_them():
    values = {"a": 'with "quotes", \\ and é\n', "b": [1, 2.5, True], "c": {"d": ["x"]}, "e": []}
    assert loads(dumps(values)) == values


@pytest.mark.parametrize("word", ["caméra", "飞机", "\U0001f681 hot"])
def test_words_of_every_language_are_kept(word):
    assert loads(dumps({"a": word, "b": {"c": [word]}})) == {"a": word, "b": {"c": [word]}}
