"""Facts about a visible camera beside a thermal one."""

import re
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from thermedge.errors import SourceError
from thermedge.frame import Frame
from thermedge.runtime.mailbox import newest
from thermedge.runtime.sources import open_source, pair
from thermedge.runtime.sources.pair import PairSource, Rig

ONE = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
GAP = {"max_gap_ms": 110, "homography": ONE}


class Camera:
    """A source by the book: frames of one grey at given moments, then what `end` does."""

    start_box, num_frames, width_px, height_px = None, None, 32, 24

    def __init__(self, stamps_ms, *, live=False, rate_hz=10.0, dtype=np.uint8, end=None, pace=0.0):
        self.stamps_ms, self.live, self.rate_hz, self.dtype = stamps_ms, live, rate_hz, dtype
        self.end, self.pace, self.faults, self.closed = end, pace, {}, threading.Event()

    def __iter__(self):
        counts = np.empty((self.height_px, self.width_px), self.dtype)
        for index, stamp in enumerate(self.stamps_ms):
            if self.closed.wait(self.pace):
                return
            counts[:] = stamp / 10 % 250
            stamp_ns = time.monotonic_ns() if self.live else round(stamp * 1e6)
            yield Frame(counts, index, stamp_ns, bits=8)
        if self.end is not None:
            self.end()

    def close(self):
        self.closed.set()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


@pytest.fixture
def paired(monkeypatch, tmp_path):
    """Return a function that pairs two cameras; `later` are what a visible one reopens as."""
    opened = []

    def make(thermal, visible, *, later=(), **rig):
        cameras = {"thermal": [thermal], "visible": [visible, *later]}

        def next_of(uri, folder):
            if not cameras[uri]:
                raise SourceError("It is unplugged.", "Plug it in.")
            return cameras[uri].pop(0)

        monkeypatch.setattr(pair, "_opened", next_of)
        monkeypatch.setattr(pair, "_RETRY_S", 0.02)
        opened.append(
            PairSource(Rig(thermal="thermal", visible="visible", **(GAP | rig)), tmp_path)
        )
        return opened[-1]

    yield make
    for source in opened:
        source.close()


def told(frames):
    return [(event.kind, frame.index) for frame in frames for event in frame.events]


def greys(source):
    """Return index, events, and the grey of the visible picture or None, of all frames."""
    return [
        (
            frame.index,
            [event.kind for event in frame.events],
            None if frame.visible is None else int(frame.visible[3, 4]) * 10,
        )
        for frame in source
    ]


# --- recordings ---


def test_each_thermal_frame_comes_with_the_visible_picture_nearest_in_time(paired):
    source = paired(Camera([0, 100, 200, 300]), Camera([0, 40, 80, 130, 220, 290, 400]))
    assert [grey for _, _, grey in greys(source)] == [0, 80, 220, 290]


def test_frames_are_those_of_the_thermal_source(paired):
    thermal = Camera([0, 100], rate_hz=9.0)
    thermal.num_frames, thermal.faults = 2, {"damaged": 1}
    source = paired(thermal, Camera([0, 50, 100, 150]))
    assert (source.width_px, source.height_px, source.rate_hz) == (32, 24, 9.0)
    assert (source.num_frames, source.live, source.start_box) == (2, False, None)
    assert source.faults == {"damaged": 1}
    assert [(frame.index, frame.timestamp_ns) for frame in source] == [(0, 0), (1, 10**8)]


def test_a_gap_in_the_visible_stream_is_thermal_only_and_told_at_both_ends(paired):
    source = paired(Camera(range(0, 1000, 100)), Camera([0, 100, 200, 700, 800, 900]))
    seen = greys(source)
    assert [grey for _, _, grey in seen] == [0, 100, 200, 200, None, None, 700, 700, 800, 900]
    assert [(index, *events) for index, events, _ in seen if events] == [
        (4, "visible_lost"),
        (6, "visible_back"),
    ]
    assert source.faults == {"visible picture lost": 1}


def test_the_event_says_for_how_long_it_was_gone(paired):
    source = paired(Camera(range(0, 1000, 100)), Camera([0, 100, 800, 900]))
    events = [event for frame in source for event in frame.events]
    assert "within 110 ms" in events[0].detail
    assert "after 0.4 s" in events[1].detail  # from frame 3 to frame 7
    assert [event.timestamp_ns for event in events] == [300_000_000, 700_000_000]


def test_a_visible_recording_that_ends_or_breaks_leaves_the_thermal_one_alone(paired):
    def breaks():
        raise SourceError("The file is damaged.", "Copy it again.")

    for end, faults in ((None, {}), (breaks, {"visible source broke": 1})):
        source = paired(Camera(range(0, 600, 100)), Camera([0, 100], end=end))
        frames = list(source)
        assert told(frames) == [("visible_lost", 3)]
        assert [frame.visible is None for frame in frames] == [False] * 3 + [True] * 3
        assert source.faults == {**faults, "visible picture lost": 1}
        detail = frames[3].events[0].detail
        assert ("The file is damaged." in detail) == bool(faults)


def test_a_thermal_recording_that_breaks_is_an_error(paired):
    def breaks():
        raise SourceError("The file is damaged.", "Copy it again.")

    source = paired(Camera([0, 100], end=breaks), Camera([0, 100, 200]))
    with pytest.raises(SourceError, match="damaged"):
        list(source)


def test_clocks_that_differ_are_set_by_the_offset(paired):
    source = paired(Camera([0, 100, 200]), Camera([500, 600, 700]), offset_ms=500)
    assert [grey for _, _, grey in greys(source)] == [500, 600, 700]


def test_events_of_the_thermal_source_come_through(paired):
    thermal = Camera([0, 100])
    plain = Camera.__iter__

    def with_event(self):
        for frame in plain(self):
            yield replace(frame, events=(pair.Event("stall", 0, frame.index, "x"),))

    thermal.__class__ = type("Telling", (Camera,), {"__iter__": with_event})
    source = paired(thermal, Camera([0, 100]))
    assert told(source) == [("stall", 0), ("stall", 1)]


# --- cameras ---


def test_a_live_camera_that_breaks_is_opened_again_and_comes_back(paired):
    def unplugged():
        raise SourceError("The camera went away.", "Plug it in.")

    thermal = Camera(range(80), live=True, rate_hz=100.0, pace=0.01)
    visible = Camera(range(20), live=True, rate_hz=100.0, pace=0.01, end=unplugged)
    again = Camera(range(500), live=True, rate_hz=100.0, pace=0.01)
    pair_ms = {"max_gap_ms": 60}

    class Slow(Camera):  # the replug takes longer than the pictures are believed
        def __iter__(self):
            self.closed.wait(0.25)
            yield from super().__iter__()

    again.__class__ = Slow
    source = paired(thermal, visible, later=[again], **pair_ms)

    frames = [(frame.index, frame.visible is not None, frame.events) for frame in source]

    kinds = [event.kind for _, _, events in frames for event in events]
    assert kinds == ["visible_lost", "visible_back"]
    assert "went away" in next(events for _, _, events in frames if events)[0].detail
    assert frames[0][1]
    assert frames[-1][1]
    assert source.faults == {"visible source broke": 1, "visible picture lost": 1}


def test_what_goes_wrong_in_the_visible_camera_counts_also_after_it_came_back(paired):
    thermal = Camera(range(60), live=True, rate_hz=100.0, pace=0.01)
    visible = Camera(range(5), live=True, rate_hz=100.0, pace=0.01)
    again = Camera(range(500), live=True, rate_hz=100.0, pace=0.01)
    thermal.faults, visible.faults, again.faults = {"gaps": 1}, {"gaps": 20}, {"gaps": 300}
    source = paired(thermal, visible, later=[again], max_gap_ms=300)
    assert source.faults["visible gaps"] == 20
    assert len(list(source)) == 60
    assert source.faults == {"gaps": 1, "visible gaps": 320}


def test_a_live_pair_can_be_read_by_the_newest_frame_policy(paired):
    thermal = Camera(range(30), live=True, rate_hz=100.0, pace=0.005)
    visible = Camera(range(500), live=True, rate_hz=100.0, pace=0.005)
    source = paired(thermal, visible)
    assert source.live
    frames = [(frame.index, frame.visible is not None) for frame in newest(source)]
    assert frames[-1][0] == 29
    assert all(has_visible for _, has_visible in frames)


def test_closing_ends_the_thread_of_the_visible_camera(paired):
    source = paired(
        Camera(range(9), live=True), Camera(range(10**6), live=True, pace=0.001, rate_hz=100.0)
    )
    before = [thread for thread in threading.enumerate() if thread.name == "visible"]
    source.close()
    source.close()
    assert len(before) == 1
    assert not before[0].is_alive()


def test_a_live_camera_without_a_picture_is_refused_at_the_start(paired, monkeypatch):
    monkeypatch.setattr(pair, "_PATIENCE_S", 0.1)
    with pytest.raises(SourceError, match="visible delivers no picture"):
        paired(Camera([0], live=True), Camera(range(9), live=True, pace=5.0))


# --- mistakes ---


@pytest.mark.parametrize("live", [False, True])
def test_a_thermal_camera_in_the_place_of_the_visible_one_is_named(paired, live):
    began = time.monotonic()
    with pytest.raises(SourceError, match="uint16, expected 32x24 px uint8"):
        paired(Camera([0], live=live), Camera([0, 100], live=live, dtype=np.uint16))
    assert time.monotonic() - began < 2  # nobody waits for what is known


@pytest.mark.parametrize(("thermal", "visible"), [(True, False), (False, True)])
def test_a_camera_and_a_recording_are_no_pair(paired, thermal, visible):
    with pytest.raises(SourceError, match="is live, the .* one is a recording"):
        paired(Camera([0], live=thermal), Camera([0], live=visible))


def test_a_gap_shorter_than_the_visible_period_is_refused(paired):
    with pytest.raises(SourceError, match="pictures are 100 ms apart"):
        paired(Camera([0]), Camera([0]), max_gap_ms=50)


def test_the_gap_that_is_advised_is_taken(paired):
    with pytest.raises(SourceError, match="pictures are 33.33 ms apart") as caught:
        paired(Camera([0]), Camera([0], rate_hz=30.0), max_gap_ms=33)
    advised = float(re.search("to ([0-9]+) or more", caught.value.remedy)[1])
    paired(Camera([0]), Camera([0], rate_hz=30.0), max_gap_ms=advised)


@pytest.mark.parametrize(
    "numbers", [{"max_gap_ms": 0}, {"max_gap_ms": float("nan")}, {"offset_ms": float("inf")}]
)
def test_impossible_numbers_are_refused(paired, numbers):
    with pytest.raises(SourceError, match="The rig has"):
        paired(Camera([0]), Camera([0]), **numbers)


def test_a_wrong_matrix_closes_what_was_opened(paired):
    thermal, visible = Camera([0]), Camera([0])
    with pytest.raises(SourceError, match="homography"):
        paired(thermal, visible, homography=((1, 2), (3, 4)))
    assert thermal.closed.is_set()
    assert visible.closed.is_set()


# --- files ---


RIG = """\
thermal = "heat"
visible = "light"
max_gap_ms = 40
homography = [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]
"""


@pytest.fixture
def rig(tmp_path):
    for name, side, dtype in (("heat", 24, np.uint16), ("light", 48, np.uint8)):
        (tmp_path / name).mkdir()
        for number in range(3):
            picture = np.full((side, side), 20 + number, dtype)
            picture[: side // 2, : side // 2] = 200
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), picture)
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    return path


def test_a_rig_names_two_recordings_beside_it(rig, monkeypatch):
    monkeypatch.chdir(rig.parent)
    for uri in (f"pair:{rig}", "pair:rig.toml"):
        with open_source(uri) as source:
            frames = [(f.counts.dtype, f.visible.copy(), f.events) for f in source]
        assert len(frames) == 3
        for number, (dtype, visible, events) in enumerate(frames):
            assert dtype == np.uint16
            assert visible.shape == (24, 24)
            assert visible[3, 3] == 200
            assert visible[20, 20] == 20 + number
            assert not events


def test_a_rig_may_name_any_source(rig):
    rig.write_text(RIG.replace('"heat"', '"synthetic:frames=4,rate=30,size=64x64"'))
    with open_source(f"pair:{rig}") as source:
        assert [frame.visible is None for frame in source] == [False] * 4
        assert source.start_box is not None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("max_gap_ms = 40\n", "", "lacks the key 'max_gap_ms'"),
        ("max_gap_ms = 40", "max_gap_ms = 40\ncolour = 1", "no key 'colour'"),
        ("max_gap_ms = 40", 'max_gap_ms = "40"', "max_gap_ms is '40', expected float"),
        ("max_gap_ms = 40", "max_gap_ms = ", "[Ii]nvalid value"),
        ('"light"', '"lite"', "lite does not exist"),
        ('"light"', '"pair:rig.toml"', "pair:rig.toml, itself a pair"),
        ('"heat"', '"PAIR:rig.toml"', "PAIR:rig.toml, itself a pair"),
        ("[0, 0, 1]]", "[0, 0]]", r"rows of \[3, 3, 2\]"),
    ],
)
def test_a_mistake_in_a_rig_is_named(rig, old, new, problem):
    assert old in RIG
    rig.write_text(RIG.replace(old, new))
    with pytest.raises(SourceError, match=problem):
        open_source(f"pair:{rig}")


def test_a_missing_rig_is_answered_with_an_example(tmp_path):
    with pytest.raises(SourceError, match="no.toml can't be read") as caught:
        open_source(f"pair:{tmp_path / 'no.toml'}")
    assert "homography" in caught.value.remedy


def test_a_rig_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "rig.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match="rig.toml"):
        open_source(f"pair:{tmp_path / 'rig.toml'}")
