"""Facts about dragging a box: the drag itself, and where no window can be opened."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.errors import TargetError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.runtime import select_window
from thermedge.runtime.select_window import Drag, WindowChooser, check_windows, has_windows

DOWN, MOVE, UP = cv2.EVENT_LBUTTONDOWN, cv2.EVENT_MOUSEMOVE, cv2.EVENT_LBUTTONUP


def dragged(*events, scale=2):
    drag = Drag(scale, 160, 120)
    for event, x, y in events:
        drag.mouse(event, x, y)
    return drag


@pytest.mark.parametrize("corners", [((40, 60), (100, 80)), ((100, 80), (40, 60))])
def test_a_drag_in_any_direction_is_the_same_box(corners):
    start, end = corners
    drag = dragged((DOWN, *start), (MOVE, 70, 70), (UP, *end))
    assert drag.box == Box(20, 30, 30, 10)


def test_the_drag_under_way_can_be_drawn():
    drag = dragged((DOWN, 100, 80), (MOVE, 40, 60))
    assert drag.corners == (40, 60, 100, 80)
    assert drag.box is None


def test_a_click_is_no_box_and_the_next_drag_is():
    drag = dragged((DOWN, 50, 50), (UP, 52, 53))
    assert drag.box is None
    assert drag.corners is None
    drag.mouse(DOWN, 10, 10)
    drag.mouse(UP, 30, 30)
    assert drag.box == Box(5, 5, 10, 10)


def test_moving_without_a_button_does_nothing():
    drag = dragged((MOVE, 10, 10), (UP, 90, 90))
    assert (drag.box, drag.corners) == (None, None)


@given(
    st.lists(
        st.tuples(st.sampled_from([DOWN, MOVE, UP]), st.integers(-99, 999), st.integers(-99, 999)),
        max_size=12,
    )
)
def test_no_mouse_makes_a_box_outside_the_frame(events):
    box = dragged(*events).box
    if box is not None:
        assert 0 <= box.x < box.x + box.w <= 160
        assert 0 <= box.y < box.y + box.h <= 120
        assert min(box.w, box.h) >= 3


@pytest.fixture
def windows(monkeypatch):
    """The names of the windows that are open; nobody touches them."""
    names = set()
    quiet = {"setMouseCallback": None, "imshow": None, "waitKey": -1, "getWindowProperty": 1.0}
    for name, answer in quiet.items():
        monkeypatch.setattr(cv2, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(cv2, "namedWindow", lambda name, flags: names.add(name))
    monkeypatch.setattr(cv2, "destroyAllWindows", names.clear)
    monkeypatch.setattr(select_window, "check_windows", lambda: None)
    return names


def test_a_window_that_nobody_needs_any_more_is_closed_and_opened_again_when_asked(windows):
    chooser, frame = WindowChooser(is_live=True), Frame(np.zeros((9, 9), np.uint8), 0, 0, 8)
    chooser.close()
    for _ in range(2):
        assert chooser.choose(frame) is None
        assert len(windows) == 1
        chooser.close()
        chooser.close()
        assert not windows


def test_the_end_of_the_frames_closes_the_window(windows):
    chooser = WindowChooser(is_live=True)
    chooser.choose(Frame(np.zeros((9, 9), np.uint8), 0, 0, 8))
    assert "before the frames ended" in chooser.failed().problem
    assert not windows


def test_without_a_display_the_remedy_names_the_other_ways():
    with pytest.raises(TargetError, match="needs a display") as caught:
        check_windows({})
    for way in ("--init", "--auto", "--control"):
        assert way in caught.value.remedy


@pytest.mark.skipif(has_windows(cv2.getBuildInformation()), reason="this OpenCV has windows")
def test_a_headless_opencv_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")
    with pytest.raises(TargetError, match="headless") as caught:
        WindowChooser(is_live=True)
    assert "pip install opencv-python" in caught.value.remedy


@pytest.mark.parametrize(
    ("build", "expected"),
    [("  GUI:        NONE\n", False), ("  GUI:   QT5\n", True), ("  GUI:\n  GTK+: YES", True)],
)
def test_the_windows_of_a_build_are_read_from_its_own_account(build, expected):
    assert has_windows(f"General configuration\n{build}\n  Media I/O:\n") is expected


def test_an_account_without_windows_has_none():
    assert not has_windows("")
