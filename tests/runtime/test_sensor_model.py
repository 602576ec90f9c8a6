import dataclasses

import numpy as np
import pytest

from thermedge.runtime.sensor_model import Sensor, SensorSpec

WIDTH, HEIGHT, RATE, AMBIENT = 96, 80, 30.0, 290.0
SILENT = SensorSpec(
    netd_k=0.0,
    row_k=0.0,
    column_k=0.0,
    pixel_k=0.0,
    aging_k=0.0,
    vignette_k=0.0,
    drift_k_per_s=0.0,
    psf_px=0.0,
    dead_share=0.0,
)


def sensor(seed=3, **changes):
    return Sensor(
        dataclasses.replace(SILENT, **changes),
        width_px=WIDTH,
        height_px=HEIGHT,
        rate_hz=RATE,
        ambient_k=AMBIENT,
        seed=seed,
    )


def flat(kelvin=AMBIENT):
    return np.full((HEIGHT, WIDTH), kelvin, np.float32)


def in_kelvin(counts, device):
    return counts.astype(float) * device.scale.scale + device.scale.offset


@pytest.mark.parametrize("netd_k", [0.025, 0.05, 0.08])
def test_noise_over_time_is_the_netd(netd_k):
    device = sensor(netd_k=netd_k)

    frames = np.stack([device.read(flat(), index).copy() for index in range(60)])

    rounding = device.scale.scale / 12**0.5
    measured = in_kelvin(frames, device).std(axis=0, ddof=1).mean()
    assert measured == pytest.approx((netd_k**2 + rounding**2) ** 0.5, rel=0.03)


def test_fixed_pattern_stays_while_noise_averages_out():
    device = sensor(netd_k=0.03, column_k=0.2)

    frames = np.stack([device.read(flat(), index).copy() for index in range(40)])

    columns = in_kelvin(frames, device).mean(axis=(0, 1))
    assert columns.std() == pytest.approx(0.2, rel=0.25)
    halves = [in_kelvin(half, device).mean(axis=(0, 1)) for half in (frames[:20], frames[20:])]
    assert np.corrcoef(halves)[0, 1] > 0.99


def test_row_noise_is_one_offset_per_row_and_new_in_each_frame():
    device = sensor(row_k=0.5)

    first, second = (in_kelvin(device.read(flat(), index), device).copy() for index in (0, 1))

    assert np.ptp(first, axis=1).max() == 0
    assert first[:, 0].std() == pytest.approx(0.5, rel=0.4)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.5


def test_ambient_reads_the_centre_count_and_a_kelvin_its_share():
    device = sensor(kelvin_per_count=0.04, centre_count=7000)

    assert device.kelvin is None
    assert np.all(device.read(flat(), 0) == 7000)
    assert np.all(device.read(flat(AMBIENT + 2), 1) == 7050)


def test_radiometric_counts_convert_back_to_the_temperature():
    device = sensor(radiometric=True)
    world = np.linspace(255, 400, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)

    counts = device.read(world, 0)

    assert device.kelvin is not None
    back = counts * device.kelvin.scale + device.kelvin.offset
    assert np.abs(back - world).max() <= 0.0051


@pytest.mark.parametrize(("bits", "top"), [(14, 16383), (16, 65535)])
def test_heat_beyond_the_range_saturates_at_the_last_count(bits, top):
    device = sensor(bits=bits)
    world = flat()
    world[:10] = 5000
    world[10:20] = 0

    counts = device.read(world, 0)

    assert counts.dtype == np.uint16
    assert np.all(counts[:10] == top)
    assert np.all(counts[10:20] == 0)


def test_a_hot_intruder_darkens_an_8_bit_picture_and_it_recovers_slowly():
    device = sensor(bits=8, netd_k=0.3)
    calm = flat() + np.linspace(0, 6, WIDTH, dtype=np.float32)
    hot = calm.copy()
    hot[:20, :20] = 360

    brightness = []
    for index in range(90):
        counts = device.read(hot if 30 <= index < 60 else calm, index)
        assert counts.dtype == np.uint8
        brightness.append(float(counts[40:].mean()))

    assert brightness[59] < 0.4 * brightness[29]
    assert brightness[59] < brightness[75] < brightness[29]


def test_black_hot_turns_the_8_bit_picture_round():
    world = flat() + np.linspace(0, 6, WIDTH, dtype=np.float32)

    white = sensor(bits=8).read(world, 0).astype(int)
    black = sensor(bits=8, black_hot=True).read(world, 0).astype(int)

    assert np.all(white + black == 255)
    assert white[0, -1] > white[0, 0]


def test_the_shutter_is_announced_closes_and_settles():
    device = sensor(shutter_frames=(50,), imminent_s=1.0, closed_s=0.5, settling_s=1.0)

    states = [device.shutter(index) for index in range(120)]

    assert (
        states
        == ["none"] * 20 + ["imminent"] * 30 + ["closed"] * 15 + ["settling"] * 30 + ["none"] * 25
    )


def test_a_closed_shutter_shows_the_last_frame_before_it():
    device = sensor(shutter_frames=(50, 65), closed_s=0.5)

    assert [device.shown_index(index) for index in (49, 50, 64, 65, 79, 80)] == [
        49,
        49,
        49,
        49,  # the second event follows at once, and repeats what the first repeated
        49,
        80,
    ]


def test_a_shutter_that_closes_again_while_settling_is_closed():
    device = sensor(shutter_frames=(50, 80), imminent_s=0.2, closed_s=0.5, settling_s=1.0)

    assert [device.shutter(index) for index in (70, 75, 80, 94, 95)] == [
        "settling",
        "imminent",
        "closed",
        "closed",
        "settling",
    ]


def test_offsets_step_at_a_shutter_event_and_then_settle():
    device = sensor(shutter_frames=(50,), closed_s=0.5, settling_s=1.0, step_k=0.5)

    levels = [in_kelvin(device.read(flat(), index), device).mean() for index in (49, 65, 95, 120)]

    assert abs(levels[2] - levels[0]) > 0.25
    assert abs(levels[1] - levels[2]) > 0.1
    assert levels[3] == pytest.approx(levels[2], abs=0.04)


def test_stripes_age_and_a_shutter_event_redraws_them_small():
    device = sensor(
        column_k=0.1, aging_k=1.0, since_shutter_s=180.0, shutter_frames=(50,), step_k=0.0
    )

    def stripes(index):
        return in_kelvin(device.read(flat(), index), device).mean(axis=0)

    before, after = stripes(49), stripes(100)

    assert before.std() > 0.7
    assert after.std() < 0.2
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.4


def test_dead_pixels_keep_their_count_whatever_comes():
    device = sensor(dead_share=0.01)

    cold = device.read(flat(), 0).copy()
    hot = device.read(flat(AMBIENT + 30), 1)

    assert 60 <= np.count_nonzero(cold == hot) <= 77  # 1 % of 7680; two may fall on one pixel


def test_optics_spread_a_point_and_keep_its_heat():
    device = sensor(psf_px=1.0, kelvin_per_count=0.01, centre_count=20000)
    world = flat()
    world[40, 40] += 200

    heat = in_kelvin(device.read(world, 0), device) - AMBIENT

    assert heat.max() == pytest.approx(200 / (2 * np.pi), rel=0.1)
    assert heat.sum() == pytest.approx(200, rel=0.03)


def test_corners_lie_under_the_middle_by_the_vignette():
    device = sensor(vignette_k=3.0)

    picture = in_kelvin(device.read(flat(), 0), device)

    assert picture[40, 48] - picture[0, 0] == pytest.approx(3.0, abs=0.05)


def test_a_frame_depends_on_seed_and_index_only():
    world = flat()
    one, other = sensor(netd_k=0.1, seed=1), sensor(netd_k=0.1, seed=1)
    for index in range(5):
        one.read(world, index)

    assert np.array_equal(one.read(world, 7), other.read(world, 7))
    assert not np.array_equal(one.read(world, 7), sensor(netd_k=0.1, seed=2).read(world, 7))


def test_frames_are_borrowed():
    device = sensor()

    assert device.read(flat(), 0) is device.read(flat(), 1)


@pytest.mark.parametrize("frames", [(0,), (30, 20), (20, 20)])
def test_shutter_frames_out_of_order_are_refused(frames):
    with pytest.raises(ValueError, match="ascend from 1"):
        sensor(shutter_frames=frames)


def test_a_radiometric_camera_needs_16_bits():
    with pytest.raises(ValueError, match="16 bits, not 8"):
        sensor(radiometric=True, bits=8)
