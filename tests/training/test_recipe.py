"""Facts about recipes."""

import pytest

from thermedge.errors import RecipeError
from thermedge.training import recipe


@pytest.mark.parametrize("name", recipe.shipped())
def test_every_shipped_recipe_is_read_under_its_name(name):
    plan, text = recipe.read(name)
    assert plan.name == name
    assert recipe.parse(text, name) == plan


def test_at_least_the_embedded_default_is_shipped():
    assert "stdtrack_nano" in recipe.shipped()


def test_every_data_source_of_a_shipped_recipe_has_licence_and_credit():
    for name in recipe.shipped():
        plan, _ = recipe.read(name)
        assert all(data.licence and data.credit for data in plan.data)


def test_a_file_is_read_with_its_text(tmp_path, recipe_text):
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text)
    plan, text = recipe.read(str(path))
    assert text == recipe_text
    assert (plan.name, plan.batch, plan.learning_rate) == ("two_steps", 4, 1e-5)
    assert [(data.name, data.kind) for data in plan.data] == [
        ("squares", "sequences"),
        ("scenes", "synthetic"),
    ]
    assert plan.pairs[0].max_gap == 2


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('size = "nano"', 'size = "nano"\ncolour = 3', "no key 'colour'"),
        ("batch = 4\n", "", "lacks the key 'batch'"),
        ("batch = 4", 'batch = "4"', "batch is '4', expected int"),
        ("batch = 4", "batch = true", "batch is True, expected int"),
        ("batch = 4", "batch = ", "[Ii]nvalid value"),
        ('how = "track"', 'how = "follow"', "pairs\\[0\\].how is 'follow'"),
        ('kind = "sequences"', 'kind = "movies"', "data\\[0\\].kind is 'movies'"),
        ('data = "squares"', 'data = "circles"', "drawn from 'circles', but data knows squares,"),
        ('name = "scenes"', 'name = "squares"', "two \\[\\[data\\]\\] tables are called 'squares'"),
        ("batch = 4", "batch = 0", "batch is 0"),
        (
            "batch = 4",
            'batch = 4\nleave_out = ["sun"]',
            "leave_out\\[0\\] is 'sun', expected one of",
        ),
        ("samples = 8", "samples = 3", "samples is 3, expected one batch of 4"),
        ("seed = 5", "seed = -1", "seed is -1"),
        ("learning_rate = 1e-5", "learning_rate = nan", "learning_rate is nan"),
        ("weight_decay = 0.02", "weight_decay = -1", "weight_decay is -1"),
        ("average = 0.9", "average = 1.1", "average is 1.1, expected 0 to 1"),
        ("negative_share = 0.1", "negative_share = nan", "negative_share is nan"),
        ("share = 0.5", "share = 0", "share of 'scenes' is 0"),
        ("max_gap = 2", "", "'squares' need max_gap"),
        ('path = "clips"', "", "'squares' have no path"),
        ('path = "clips"', 'path = "clips"\nevery = 0', "every of 'squares' is 0"),
        ("frames = 3", "frames = 0", "'scenes' need scenes and frames"),
    ],
)
def test_a_mistake_is_named_with_the_file_and_the_key(tmp_path, recipe_text, old, new, problem):
    assert old in recipe_text
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=problem) as caught:
        recipe.read(str(path))
    assert str(path) in caught.value.problem
    assert "stdtrack_nano" in caught.value.remedy


def test_a_recipe_without_pairs_is_refused(recipe_text):
    with pytest.raises(RecipeError, match="no \\[\\[pairs\\]\\] table"):
        recipe.parse("pairs = []\n" + recipe_text.partition("[[pairs]]")[0], "mine")


def test_an_unknown_name_is_answered_with_the_shipped_ones():
    with pytest.raises(RecipeError, match="'stdtrack_nan' can't be read") as caught:
        recipe.read("stdtrack_nan")
    assert "stdtrack_nano" in caught.value.remedy


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    path.write_bytes(b"\xff\xfe\x00" * 9)
    with pytest.raises(RecipeError, match="is not a text file"):
        recipe.read(str(path))


VALIDATION = """
[validation]
paths = ["held_out"]
every = 100
"""


def test_a_recipe_may_name_clips_to_validate_on(recipe_text):
    assert recipe.parse(recipe_text, "mine").validation is None
    spec = recipe.parse(recipe_text + VALIDATION, "mine").validation
    assert (spec.paths, spec.every, spec.clips, spec.frames) == (("held_out",), 100, 6, 100)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('["held_out"]', "[]", "validation names no paths"),
        ('["held_out"]', '["clips"]', "validation takes 'clips', which is trained on"),
        ('["held_out"]', '["clips/"]', "validation takes 'clips/', which is trained on"),
        ('["held_out"]', '["x/../clips"]', "validation takes 'x/../clips', which is"),
        ("every = 100", "every = 0", "validation.every is 0"),
        ("every = 100", "every = 100\nscenes = 25", "validation.scenes is 25, expected 0 to 24"),
        ("every = 100", "every = 100\nclips = 0", "validation.clips is 0"),
        ("every = 100", "every = 100\nframes = 0", "validation.frames is 0"),
        ("every = 100", "", "lacks the key 'every'"),
    ],
)
def test_a_mistake_in_the_validation_is_named(recipe_text, old, new, problem):
    with pytest.raises(RecipeError, match=problem):
        recipe.parse(recipe_text + VALIDATION.replace(old, new), "mine")
