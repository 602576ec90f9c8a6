import threading
import time

import numpy as np
import pytest

from thermedge.errors import SourceError
from thermedge.runtime.scene import SceneSpec, demo_spec
from thermedge.runtime.sources.synthetic import SyntheticSource, open_synthetic, there_and_back

SMALL = {"width_px": 96, "height_px": 80, "target_px": 12.0, "num_objects": 2}


def test_the_bare_name_is_the_demo():
    source = open_synthetic("synthetic:")

    spec = demo_spec()
    assert (source.width_px, source.height_px) == (320, 256)
    assert source.rate_hz == 30
    assert source.num_frames == 450
    assert source.live is False
    frame = next(iter(source))
    assert frame.counts.shape == (256, 320)
    assert frame.counts.dtype == np.uint16
    expected = next(iter(SyntheticSource(spec))).counts
    assert np.array_equal(frame.counts, expected)


def test_keys_change_the_scene():
    source = open_synthetic("synthetic:seed=7,frames=60,size=160x120,rate=60,bits=8,realtime=1")

    assert (source.width_px, source.height_px) == (160, 120)
    assert source.num_frames == 60
    assert source.rate_hz == 60
    assert source.live is True
    frame = next(iter(source))
    assert frame.counts.dtype == np.uint8
    assert frame.bits == 8


def test_a_random_scene_follows_its_seed():
    one, same, other = (
        open_synthetic(f"synthetic:scene=random,seed={seed},frames=5,size=96x80").truths
        for seed in (3, 3, 4)
    )

    assert one == same
    assert one != other
    assert open_synthetic("synthetic:scene=random,frames=1,size=96x80").num_frames == 1


def test_a_kind_asks_for_a_random_scene_with_such_a_target():
    animal, boat, drawn = (
        open_synthetic(f"synthetic:{scene},seed=3,frames=5,size=96x80").truths
        for scene in ("kind=animal", "scene=random,kind=boat", "scene=random")
    )

    assert animal != boat
    assert drawn not in (animal, boat)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        (
            "synthetic:sed=7",
            "no 'sed'; it knows seed, frames, size, rate, bits, scene, kind, realtime",
        ),
        ("synthetic:seed", "seed='' of a synthetic scene is not a whole number from 0"),
        ("synthetic:seed=-1", "seed='-1'"),
        ("synthetic:seed=1.5", "seed='1.5'"),
        ("synthetic:frames=0", "not a whole number from 1 to 100000"),
        ("synthetic:size=640", "not WIDTHxHEIGHT with 64 to 2048 px a side"),
        ("synthetic:size=8x8", "size='8x8'"),
        ("synthetic:rate=nan", "not a number of frames per second from 1 to 1000"),
        ("synthetic:rate=0", "rate='0'"),
        ("synthetic:bits=12", "not 8, 14 or 16"),
        ("synthetic:realtime=yes", "not 0 or 1"),
        ("synthetic:scene=rain", "not demo or random"),
        ("synthetic:kind=cloud", "not one of drone, person, vehicle"),
        ("synthetic:scene=demo,kind=boat", "The demo shows a vehicle"),
        ("synthetic:seed=1,seed=2", "'seed' comes twice"),
        ("synthetic:,", "no ''"),
        ("synthetic:seed=1,", "no ''"),
        ("synth:seed=1", "does not begin with 'synthetic:'"),
    ],
)
def test_a_wrong_text_says_what_is_wrong_and_shows_an_example(uri, problem):
    with pytest.raises(SourceError) as caught:
        open_synthetic(uri)

    assert problem in caught.value.problem
    assert "synthetic:seed=7,frames=600" in caught.value.remedy


def test_the_start_box_is_the_truth_of_the_first_frame():
    source = SyntheticSource(SceneSpec(**SMALL, num_frames=6))

    assert source.start_box == source.truth(0) == source.truths[0]
    assert len(source.truths) == 6


def test_a_recording_waits_and_counts_from_zero():
    source = SyntheticSource(SceneSpec(**SMALL, num_frames=4))

    frames = list(source)

    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.timestamp_ns for frame in frames] == [0, 33333333, 66666667, 100000000]
    assert frames[0].sensor_c == pytest.approx(31, abs=1)
    assert frames[0].kelvin is None


def test_a_live_camera_keeps_to_its_rate():
    source = SyntheticSource(SceneSpec(**SMALL, num_frames=6, rate_hz=20.0), realtime=True)

    before = time.monotonic_ns()
    frames = list(source)

    indices = [frame.index for frame in frames]
    assert indices[0] == 0
    assert indices == sorted(set(indices))
    for frame in frames:
        assert frame.timestamp_ns - before >= frame.index * 49_000_000


def test_a_live_camera_skips_what_nobody_took_in_time():
    source = SyntheticSource(SceneSpec(**SMALL, num_frames=3000, rate_hz=100.0), realtime=True)

    frames = iter(source)
    next(frames)
    time.sleep(0.12)

    assert next(frames).index >= 11


def test_closing_wakes_a_camera_that_waits():
    source = SyntheticSource(SceneSpec(**SMALL, num_frames=100, rate_hz=0.05), realtime=True)
    frames = iter(source)
    next(frames)
    rest = []
    reader = threading.Thread(target=lambda: rest.extend(frames))
    reader.start()

    source.close()
    source.close()

    reader.join(timeout=5)
    assert not reader.is_alive()
    assert rest == []


def test_closing_ends_a_recording():
    source = SyntheticSource(SceneSpec(**SMALL, num_frames=10))
    frames = iter(source)
    next(frames)

    source.close()

    assert list(frames) == []


def test_an_endless_scene_turns_round_and_never_jumps():
    with open_synthetic("synthetic:frames=6,rate=1000,endless=1") as source:
        assert source.num_frames is None
        assert source.live
        boxes = [source.truth(index) for index in range(22)]
        frames = iter(source)
        indices = [next(frames).index for _ in range(12)]
    assert boxes[:6] == boxes[10:16]
    assert boxes[6] == boxes[4]
    assert boxes[10] == boxes[0]
    assert indices == sorted(set(indices))
    assert indices[-1] > 6


@pytest.mark.parametrize("length", [1, 2, 5])
def test_there_and_back_stays_inside_and_moves_by_one(length):
    places = [there_and_back(step, length) for step in range(30)]
    assert set(places) == set(range(length))
    assert all(abs(one - other) <= 1 for one, other in zip(places, places[1:], strict=False))
