import numpy as np
import pytest

from thermedge.runtime.scene_background import background, fractal
from thermedge.runtime.scene_spec import SceneSpec


def landscape(seed=0, **fields):
    spec = SceneSpec(**fields)
    return background(spec, 700, 300, 150.0, np.random.default_rng(seed))


def test_fractal_has_mean_zero_and_deviation_one():
    field = fractal(np.random.default_rng(0), (200, 300), 40)

    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("stretch", [1.0, 3.0])
def test_fractal_continues_across_its_sides(stretch):
    field = fractal(np.random.default_rng(1), (200, 300), 40, stretch=stretch)

    inner = np.abs(np.diff(field, axis=1)).mean()
    assert np.abs(field[:, 0] - field[:, -1]).mean() < 1.5 * inner


@pytest.mark.parametrize("backdrop", ["sky", "ground", "horizon"])
def test_landscape_continues_across_its_sides(backdrop):
    picture = landscape(backdrop=backdrop, num_objects=0)

    inner = np.abs(np.diff(picture, axis=1)).mean(axis=0)
    assert np.abs(picture[:, 0] - picture[:, -1]).mean() <= inner.max()


@pytest.mark.parametrize("backdrop", ["sky", "ground", "horizon"])
def test_landscape_is_drawn_from_the_seed(backdrop):
    first, again, other = (landscape(seed, backdrop=backdrop) for seed in (1, 1, 2))

    assert first.shape == (300, 700)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sky_gets_colder_upwards_and_ground_is_warmer():
    picture = landscape(backdrop="horizon", sky_drop_k=10.0, num_objects=0)

    assert picture[:20].mean() < picture[100:120].mean() < picture[200:].mean()
    assert 4 < picture[200:].mean() - picture[:20].mean() < 14


def test_clutter_sets_the_spread_of_the_ground():
    calm, rough = (
        landscape(backdrop="ground", clutter_k=clutter, num_objects=0).std() for clutter in (0.2, 2)
    )

    assert calm == pytest.approx(0.2, rel=0.8)
    assert rough == pytest.approx(10 * calm, rel=0.05)


def test_objects_leave_hot_spots():
    bare = landscape(backdrop="ground", num_objects=0)
    full = landscape(backdrop="ground", num_objects=20)

    assert full.max() > bare.max() + 3
