import dataclasses

import numpy as np
import pytest

from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.runtime.scene import Scene, SensorSpec, demo_spec, random_spec
from thermedge.runtime.shutter import ShutterWatch

RATE_HZ = 30.0
SENSOR = SensorSpec(telemetry=False, shutter_frames=(60,), closed_s=0.8, step_k=0.3)


def frames(spec, first=0):
    """Frames of a scene with pictures of their own, so that a test can change them."""
    for seen in Scene(spec):
        at_ns = round(seen.index / spec.rate_hz * 1e9)
        if seen.index >= first:
            yield Frame(seen.counts.copy(), seen.index, at_ns, bits=16, shutter=seen.shutter)


def quiet(num_frames=60, **sensor):
    """A scene whose shutter stays open."""
    return demo_spec_with(num_frames, shutter_frames=(), telemetry=False, **sensor)


def demo_spec_with(num_frames, **sensor):
    spec = demo_spec(num_frames=num_frames)
    return dataclasses.replace(spec, sensor=dataclasses.replace(spec.sensor, **sensor))


def watched(stream):
    """Return what was seen of each frame after the first."""
    watch = ShutterWatch()
    sights = []
    for number, frame in enumerate(stream):
        if number == 0:
            watch.start(frame)
        else:
            sights.append(dataclasses.replace(watch.look(frame)))
    return sights


def states(stream):
    return [sight.shutter for sight in watched(stream)]


def runs(values):
    """Return each value once per run of it."""
    return [value for i, value in enumerate(values) if i == 0 or values[i - 1] != value]


@pytest.mark.parametrize("bits", [8, 14, 16])
def test_a_frozen_picture_is_a_closed_shutter_then_it_settles(bits):
    spec = demo_spec_with(120, **dataclasses.asdict(dataclasses.replace(SENSOR, bits=bits)))
    sights = watched(frames(spec))
    assert runs([sight.shutter for sight in sights]) == ["none", "closed", "settling", "none"]
    closed = [i + 1 for i, sight in enumerate(sights) if sight.shutter == "closed"]
    assert 60 + 5 <= closed[0] <= 60 + 7  # 0.2 s after the last new picture
    assert closed[-1] == 60 + 24 - 1
    assert sights[60 + 24 - 1].resumed
    assert sights[60 + 24 - 1].blind_s == pytest.approx(24 / RATE_HZ)  # from the first repeat on
    assert sum(sight.shutter == "settling" for sight in sights) == pytest.approx(30, abs=1)


def test_what_the_camera_tells_needs_no_pixels_and_goes_before_them():
    spec = demo_spec_with(150, shutter_frames=(60,), telemetry=True)
    told = [frame.shutter for frame in frames(spec)][1:]
    assert runs(told) == ["none", "imminent", "closed", "settling", "none"]
    seen = states(frames(spec))
    settling = [i for i, state in enumerate(seen) if state == "settling"]
    assert [s for s in seen if s != "settling"] == [s for s in told if s != "settling"]
    assert {told[i] for i in settling} == {"settling"}


def test_a_camera_that_tells_only_the_closing_is_given_time_to_settle():
    spec = demo_spec_with(120, shutter_frames=(60,), telemetry=True, imminent_s=0, settling_s=0)
    assert runs(states(frames(spec))) == ["none", "closed", "settling", "none"]


@pytest.mark.parametrize("repeats", [2, 3])
def test_a_camera_that_shows_each_picture_several_times_has_no_shutter_event(repeats):
    stream = []
    for frame in frames(quiet(60)):
        for copy in range(repeats):
            index = frame.index * repeats + copy
            stream.append(dataclasses.replace(frame, index=index, timestamp_ns=index * 37_000_000))
    sights = watched(stream)
    assert {sight.shutter for sight in sights} == {"none"}
    num_new = sum(sight.is_new for sight in sights)
    assert num_new == 60  # 59 after the first picture, and the repeat that told of the others


def flat(frame, rng, level=7900, sigma=2.0):
    counts = rng.normal(level, sigma, frame.counts.shape)
    if frame.counts.dtype == np.uint8:
        counts = counts / 256 * 4  # the camera's AGC shows the noise of the blade
    return dataclasses.replace(frame, counts=counts.astype(frame.counts.dtype))


def with_blade(stream, closed, **blade):
    rng = np.random.default_rng(3)
    return [flat(f, rng, **blade) if f.index in closed else f for f in stream]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("sigma", [2.0, 40.0])
def test_a_uniform_picture_is_the_blade_of_the_shutter(bits, sigma):
    stream = with_blade(frames(quiet(120, bits=bits)), range(50, 70), sigma=sigma)
    seen = watched(stream)
    assert runs([sight.shutter for sight in seen]) == ["none", "closed", "settling", "none"]
    assert [i + 1 for i, sight in enumerate(seen) if sight.shutter == "closed"] == list(
        range(50, 70)
    )
    assert seen[49].why == "the picture went flat"


def test_a_view_that_stays_flat_is_a_scene_after_three_seconds():
    stream = with_blade(frames(quiet(200)), range(50, 200))
    seen = states(stream)
    assert seen[60] == "closed"
    assert seen[-1] in ("settling", "none")
    assert seen.count("closed") == pytest.approx(90, abs=2)


def test_a_camera_with_telemetry_may_look_at_a_wall():
    spec = demo_spec_with(120, shutter_frames=(20,), telemetry=True, closed_s=0.2, settling_s=0.1)
    seen = states(with_blade(frames(spec), range(80, 100)))
    assert "closed" not in seen[60:]


def test_one_object_that_leaves_an_empty_sky_does_not_close_the_shutter():
    rng = np.random.default_rng(0)
    stream = []
    for index in range(60):
        counts = rng.normal(3000, 4, (256, 320))
        if index < 30:
            counts[100:130, 100:140] += 500
        stream.append(Frame(counts.astype(np.uint16), index, index * 33_333_333))
    assert set(states(stream)) == {"none"}


def test_after_a_gap_the_sensor_settles():
    stream = [frame for frame in frames(quiet(120)) if not 50 <= frame.index < 70]
    sights = watched(stream)
    assert runs([sight.shutter for sight in sights]) == ["none", "settling", "none"]
    assert sights[49].resumed
    assert sights[49].blind_s == pytest.approx(21 / RATE_HZ)
    assert sights[49].why == "no picture came for 0.70 s"


def test_a_jittery_stream_has_no_gap():
    rng = np.random.default_rng(5)
    at_ns = np.cumsum(rng.uniform(0.1, 0.24, 60) * 1e9)  # of a Lepton over USB
    stream = [
        dataclasses.replace(frame, timestamp_ns=round(float(at)))
        for frame, at in zip(frames(quiet(60)), at_ns, strict=True)
    ]
    assert set(states(stream)) == {"none"}


def changed(stream, first, change):
    for frame in stream:
        counts = frame.counts
        if frame.index >= first:
            counts = np.clip(change(counts.astype(np.float64)), 0, 65535).astype(np.uint16)
        yield dataclasses.replace(frame, counts=counts)


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda counts: counts + 60, "offset"),
        (lambda counts: counts * 0.3 + 4000, "range"),  # low gain
        (lambda counts: counts * 3, "range"),
        (lambda counts: counts + 20000, "range"),
        (lambda counts: 16000 - counts, "range"),  # hot and cold change places
    ],
)
def test_a_step_of_the_whole_picture_is_told_from_a_change_of_the_scene(change, step):
    sights = watched(changed(frames(quiet(100)), 50, change))
    assert [(i + 1, s.step) for i, s in enumerate(sights) if s.step] == [(50, step)]
    assert sights[49].shutter == "settling"
    assert sights[-1].shutter == "none"


@pytest.mark.parametrize("shutter", ["none", "closed"])
def test_a_source_that_tells_of_another_range_is_believed_from_the_next_picture_on(shutter):
    told = Event("range_changed", 0, 30, "The gain is low now.")
    stream = list(frames(quiet(40)))
    stream[30] = dataclasses.replace(stream[30], events=(told,), shutter=shutter)
    changed_at = [i + 1 for i, sight in enumerate(watched(stream)) if sight.step == "range"]
    assert changed_at == [30 if shutter == "none" else 31]


def test_the_agc_of_an_8_bit_camera_is_no_change_of_range():
    stream = [
        dataclasses.replace(f, counts=f.counts // 2) if f.index >= 30 else f
        for f in frames(quiet(40, bits=8))
    ]
    assert [sight.step for sight in watched(stream) if sight.step] == ["offset"]


@pytest.mark.parametrize("seed", range(8))
def test_random_scenes_without_an_event_raise_no_alarm(seed):
    spec = random_spec(seed, num_frames=90)
    sensor = dataclasses.replace(spec.sensor, shutter_frames=(), telemetry=False)
    assert "closed" not in states(frames(dataclasses.replace(spec, sensor=sensor)))


def test_a_track_can_start_anew_after_an_event():
    watch = ShutterWatch()
    stream = list(frames(demo_spec_with(100, **dataclasses.asdict(SENSOR))))
    watch.start(stream[0])
    for frame in stream[1:75]:
        last = watch.look(frame)
    assert last.shutter == "closed"
    watch.start(stream[90])
    assert watch.look(stream[91]).shutter == "none"


def at_rates(*parts):
    """A scene whose stream has one rate after the other: (frames, Hz) each."""
    at_ns, rates = 0, [hz for count, hz in parts for _ in range(count)]
    for frame, hz in zip(frames(quiet(len(rates))), rates, strict=True):
        at_ns += round(1e9 / hz)
        yield dataclasses.replace(frame, timestamp_ns=at_ns)


@pytest.mark.parametrize("rate_hz", [0.2, 1.0, 1.5])
def test_a_slow_stream_has_a_gap_before_its_second_frame_at_most(rate_hz):
    resumed = [sight.resumed for sight in watched(at_rates((20, rate_hz)))]
    assert not any(resumed[1:])


def test_a_stream_that_becomes_slow_has_one_gap_and_can_be_frozen_again():
    stream = list(at_rates((20, 30), (20, 2)))
    assert [i for i, sight in enumerate(watched(stream), 1) if sight.resumed] == [20]
    last = stream[-1]
    still = [
        dataclasses.replace(last, timestamp_ns=last.timestamp_ns + i * 500_000_000)
        for i in range(1, 6)
    ]
    assert states(stream + still)[-1] == "closed"


def test_gaps_with_pictures_between_them_are_gaps():
    stream = at_rates((20, 30), (1, 2), (20, 30), (1, 2), (5, 30))
    assert [i for i, sight in enumerate(watched(stream), 1) if sight.resumed] == [20, 41]


def test_a_gap_much_longer_than_the_one_before_is_a_gap():
    stream = at_rates((20, 30), (1, 2), (1, 0.1), (5, 30))
    assert [i for i, sight in enumerate(watched(stream), 1) if sight.resumed] == [20, 21]
