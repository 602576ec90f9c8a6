"""Facts about building networks by name."""

import pytest

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.models import stdtrack
from thermedge.models.stdtrack import StdTrack


def test_every_size_of_every_tracker_is_built():
    assert "stdtrack" in models.TRACKERS
    for size, config in stdtrack.SIZES.items():
        net = models.build("stdtrack", size)
        assert isinstance(net, StdTrack)
        assert net.config is config


@pytest.mark.parametrize(
    ("tracker", "size", "problem"),
    [("siamx", "nano", "'siamx'"), ("stdtrack", "huge", "no size 'huge'")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(tracker, size, problem):
    with pytest.raises(RecipeError, match=problem) as caught:
        models.build(tracker, size)
    known = "stdtrack" if tracker == "siamx" else "nano"
    assert known in caught.value.remedy
