import numpy as np
import pytest

from thermedge.models import stdtrack
from thermedge.training.pack import Pack
from thermedge.training.recipe import parse


@pytest.fixture
def pack_of():
    """Return a function that packs pictures and the boxes of each target by hand."""

    def pack(pictures, targets):
        sizes = [picture.size for picture in pictures]
        shapes = [
            (start, *picture.shape[-2:])  # a thermal picture may have a visible one behind it
            for start, picture in zip(np.cumsum([0, *sizes]), pictures, strict=False)
        ]
        flat = [moment for target in targets for moment in target]
        counts = [len(target) for target in targets]
        return Pack(
            np.concatenate([picture.ravel() for picture in pictures]),
            np.array(shapes, np.int64),
            np.array([box for _, box in flat], np.float32),
            np.array([index for index, _ in flat], np.int64),
            np.stack([np.cumsum([0, *counts[:-1]]), counts], axis=1),
            pictures[0].ndim - 1,
        )

    return pack


@pytest.fixture
def tiny(monkeypatch, recipe_text):
    """Add a size of the network that trains in milliseconds; return a recipe of six steps."""
    crop = stdtrack.CropSpec(template_px=56, search_px=80, template_factor=2.2, search_factor=4.0)
    config = stdtrack.StdTrackConfig(
        stem=4,
        middle=4,
        features=8,
        deep=1,
        kernels=4,
        cells=4,
        passed=4,
        head=8,
        heads=2,
        capacity=3,
        change=4,
        crop=crop,
    )
    monkeypatch.setitem(stdtrack.SIZES, "tiny", config)
    changes = {"nano": "tiny", "samples = 8": "samples = 24", "1e-5": "1e-3"}
    for old, new in changes.items():
        assert recipe_text.count(old) == 1
        recipe_text = recipe_text.replace(old, new)
    parse(recipe_text, "the recipe of the tests")
    return recipe_text
