import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from thermedge.export.ranges import METHODS, Histogram, observe, scale


@pytest.fixture
def doubled(tmp_path):
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["search", "search"], ["inner"]),
            helper.make_node("Relu", ["inner"], ["score"]),
        ],
        "doubled",
        [helper.make_tensor_value_info("search", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 4])],
    )
    opset = [helper.make_opsetid("", 18)]
    path = tmp_path / "doubled.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


def feed(*values):
    return {"search": np.array([values], np.float32)}


def test_the_largest_magnitude_of_an_inner_tensor_is_found_whatever_the_order(doubled):
    feeds = [feed(0, 1, 0, 0), feed(-40, 1, 2, 3), feed(0.5, 0, 0, 0)]
    for order in (feeds, feeds[::-1]):
        (found,) = observe(doubled, ["inner"], order).values()
        assert found.largest == 80.0
        assert found.counts.sum() == 12
        assert scale(found, "minmax") == pytest.approx(80 / 127)


def test_zeros_count_before_there_is_a_range_as_they_do_after(doubled):
    feeds = [feed(0, 0, 0, 0), feed(1, 2, 3, 4)]
    first, last = (observe(doubled, ["inner"], order)["inner"] for order in (feeds, feeds[::-1]))
    np.testing.assert_array_equal(first.counts, last.counts)
    assert first.counts[0] == 4


def test_values_too_small_to_be_told_apart_have_a_scale(doubled):
    (found,) = observe(doubled, ["inner"], [feed(1e-44, 0, 0, 0)]).values()
    assert [scale(found, method) > 0 for method in METHODS] == [True] * 3


def test_inputs_can_be_observed_too(doubled):
    assert observe(doubled, ["search"], [feed(1, 2, 3, -7)])["search"].largest == 7.0


def test_one_outlier_moves_minmax_and_not_the_other_methods():
    values = np.abs(np.random.default_rng(0).normal(0, 1, 100_000))
    counts, _ = np.histogram(np.append(values, 100.0), 4096, (0, 100.0))
    found = Histogram(counts.astype(np.int64), 100.0)
    assert scale(found, "minmax") * 127 == pytest.approx(100)
    assert 3 < scale(found, "percentile") * 127 < 6
    assert 2 < scale(found, "entropy") * 127 < 20


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_that_is_always_zero_has_a_scale(doubled, method):
    (found,) = observe(doubled, ["inner"], [feed(0, 0, 0, 0)]).values()
    assert scale(found, method) > 0


@pytest.mark.parametrize("method", METHODS)
def test_an_even_distribution_keeps_nearly_all_of_its_range(method):
    found = Histogram(np.full(4096, 50, np.int64), 8.0)
    assert scale(found, method) * 127 > 7.5
