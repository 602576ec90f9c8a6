import pytest

from thermedge.calibration.coverage import _ADVICE, _NEVER_MISSING, TITLES, Coverage
from thermedge.calibration.rollout import SampleOrigin
from thermedge.calibration.strata import AXES


@pytest.fixture
def cover(strata):
    """Return a function: coverage of so many windows of each of some strata."""

    def make(*kinds, num_held_back=2):
        origins = [
            SampleOrigin(recording=0, frame=n, clip=0, box="tracked", strata=strata(**changes))
            for count, changes in kinds
            for n in range(count)
        ]
        return Coverage.of(
            origins,
            num_templates=4,
            recordings=(("flight", 900, 1), ("yard", 30, 2)),
            left_out={"shutter": 7, "duplicate": 0, "stall": 2},
            num_labelled=1,
            num_held_back=num_held_back,
        )

    return make


def test_windows_are_counted_on_every_axis(cover):
    found = cover((90, {}), (60, {"size": "under 8 px", "contrast": "darker"}))
    assert found.counts["size"]["under 8 px"] == 60
    assert found.counts["contrast"] == {"brighter": 90, "level": 0, "darker": 60}
    assert all(sum(values.values()) == 150 for values in found.counts.values())
    assert found.recordings == (("flight", 900, 150, 1), ("yard", 30, 0, 2))


def test_what_is_missing_is_told_with_what_to_record(cover):
    found = cover((150, {}), (3, {"contrast": "darker"}))
    told = [line for line in found.missing if line.startswith("target against")]
    assert told == [
        "target against its surroundings level: none; record targets that hardly stand out",
        "target against its surroundings darker: 3 of 153; record targets colder than what is "
        "around, or black-hot",
    ]


def test_what_is_there_is_not_missing(cover):
    found = cover((150, {}), (20, {"contrast": "darker"}))
    assert found.lacks("contrast", "level")
    assert not found.lacks("contrast", "darker")
    assert not any("darker" in line for line in found.missing)


def test_that_no_shutter_was_seen_is_never_missing_but_its_times_are(cover):
    seen = cover((150, {"shutter": "under 10 s"}))
    assert not seen.lacks("shutter", "none seen")
    assert cover((150, {})).lacks("shutter", "under 10 s")


def test_few_windows_few_templates_and_no_held_back_clip_are_told(cover):
    assert any("only 4 templates" in line for line in cover((150, {})).missing)
    assert any("only 40 windows" in line for line in cover((40, {})).missing)
    assert any("held back" in line for line in cover((150, {}), num_held_back=0).missing)
    assert not any("held back" in line for line in cover((150, {})).missing)


def test_the_report_names_every_value_and_every_recording(cover):
    text = cover((150, {})).text()
    for axis, values in AXES.items():
        assert TITLES[axis] in text
        assert all(value in text for value in values)
    assert "7 shutter, 0 duplicate, 2 stall frames" in text
    assert all(name in text for name in ("flight", "yard"))


def test_every_value_that_can_be_missing_has_its_advice():
    values = {(axis, value) for axis, names in AXES.items() for value in names}
    assert values - _NEVER_MISSING == set(_ADVICE)
