import onnx
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.export import layers
from thermedge.export.layers import COMPUTED, FIRST, LAST, STATE


@pytest.fixture(scope="module")
def found():
    model = onnx.load(find("default") / bundle.TRACK_GRAPH)
    return layers.layers(model, state={"token", "store", "store_age", "token_next"})


def reasons(found, ending):
    return {layer.floating for layer in found if layer.module.endswith(ending)}


def test_what_reads_the_window_stays_floating(found):
    assert found[0].activation == "search"
    assert found[0].floating == FIRST


def test_two_windows_that_are_looked_at_together_are_read_in_floating_point_too():
    # The thermal and the visible window become one batch before the first layer.
    found = layers.layers(onnx.load(find("ainet") / bundle.TRACK_GRAPH))
    assert [layer.module for layer in found if layer.floating == FIRST] == ["stem.0.0"]


def test_what_the_outputs_are_read_from_stays_floating(found):
    assert reasons(found, "both") == {LAST}


def test_a_token_that_comes_back_with_every_frame_stays_floating(found):
    carried = [layer for layer in found if layer.floating == STATE]
    assert len(carried) >= 8
    assert {layer.op for layer in carried} == {"MatMul"}


def test_a_product_of_two_computed_tensors_stays_floating(found):
    computed = [layer for layer in found if not layer.weight]
    assert computed
    assert {layer.floating for layer in computed} == {COMPUTED}


def test_trunk_and_towers_may_become_int8_and_are_most_of_the_work(found):
    quantizable = [layer for layer in found if not layer.floating]
    assert any("tower" in layer.module for layer in quantizable)
    assert sum(one.macs for one in quantizable) > 0.9 * sum(one.macs for one in found)
