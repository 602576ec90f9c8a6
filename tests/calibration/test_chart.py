import cv2
import numpy as np
import pytest

from thermedge.calibration.chart import draw, write_chart
from thermedge.calibration.coverage import Coverage
from thermedge.calibration.rollout import SampleOrigin
from thermedge.errors import CalibrationError

BLUE = (176, 114, 32)


@pytest.fixture
def cover(strata):
    def make(*kinds):
        origins = [
            SampleOrigin(recording=0, frame=n, clip=0, box="tracked", strata=strata(**changes))
            for count, changes in kinds
            for n in range(count)
        ]
        return Coverage.of(
            origins,
            num_templates=4,
            recordings=(("flight", 900, 1),),
            left_out={},
            num_labelled=0,
            num_held_back=0,
        )

    return make


def bar_lengths(picture):
    """Return the length of every bar, px, from top to bottom."""
    blue = np.all(picture == BLUE, axis=2).sum(axis=1)
    starts = np.flatnonzero((blue > 0) & (np.roll(blue, 1) == 0))
    return [int(blue[start]) for start in starts]


def test_bars_are_as_long_as_their_shares(cover):
    picture = draw(cover((150, {}), (50, {"depth": "16 bit"})), np.zeros((200, 8, 8), np.float32))
    eight, sixteen, *_ = bar_lengths(picture)
    assert eight / sixteen == pytest.approx(3, rel=0.02)


def test_a_value_that_no_window_has_gets_no_bar(cover):
    picture = draw(cover((150, {})), np.zeros((150, 8, 8), np.float32))
    assert len(bar_lengths(picture)) == 7  # one of each axis


def test_windows_are_shown_as_they_are(cover):
    windows = np.linspace(0, 1, 150, dtype=np.float32)[:, None, None] * np.ones((1, 16, 16))
    picture = draw(cover((150, {})), windows.astype(np.float32))
    last_row = picture[-40, :, 0]
    assert {0, 255} <= set(np.unique(picture[-250:, 28:140, 0]).tolist())
    assert last_row[28:-28].max() == 255


def test_few_windows_leave_the_rest_empty(cover):
    picture = draw(cover((1, {})), np.full((1, 8, 8), 0.5, np.float32))
    tiles = picture[-260:]
    assert np.count_nonzero(np.all(tiles == 127, axis=2)) == 112 * 112
    assert np.count_nonzero(np.all(tiles == 255, axis=2)) == tiles[:, :, 0].size - 112 * 112


def test_the_file_is_a_picture_of_the_same(cover, tmp_path):
    windows = np.zeros((150, 8, 8), np.float32)
    write_chart(tmp_path / "chart.png", cover((150, {})), windows)
    read = cv2.imread(str(tmp_path / "chart.png"))
    np.testing.assert_array_equal(read, draw(cover((150, {})), windows))


def test_a_file_that_can_not_be_written_is_told(cover, tmp_path):
    with pytest.raises(CalibrationError, match="can't be written"):
        write_chart(tmp_path / "none" / "chart.png", cover((5, {})), np.zeros((5, 8, 8)))
