import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BundleError
from thermedge.profiling import layers


def test_macs_of_a_convolution_are_those_of_its_definition() -> None:
    outputs, inputs, rows, columns, kernel = 8, 4, 5, 6, 3
    expected = outputs * rows * columns * inputs * kernel * kernel
    assert layers.convolution_macs((1, 8, 5, 6), (8, 4, 3, 3)) == expected
    assert layers.convolution_macs((1, 8, 5, 6), (8, 1, 3, 3)) == expected / inputs  # depthwise


@pytest.mark.parametrize(
    ("output", "first", "macs"),
    [
        ((5, 7), (5, 3), 105),
        ((5, 7), (3, 5), 105),  # taken transposed
        ((2, 5, 7), (2, 5, 3), 210),
        ((6, 64), (6, 64), 6 * 64 * 64),
        ((7,), (3,), 21),
    ],
)
def test_macs_of_a_product(output: tuple[int, ...], first: tuple[int, ...], macs: int) -> None:
    assert layers.product_macs(output, first) == macs


@pytest.mark.parametrize("backend", ["ort", "openvino"])
def test_the_shipped_tracker_has_layers_that_take_time(backend: str) -> None:
    pytest.importorskip({"ort": "onnxruntime"}.get(backend, "numpy"))
    found = layers.measure(bundle.read(find("default")), backend=backend, precision="fp32", runs=3)
    assert len(found) > 20
    assert all(layer.ms >= 0 for layer in found)
    assert len({layer.name for layer in found}) == len(found)
    macs = sum(layer.macs for layer in found)
    assert 50e6 < macs < 500e6


def test_both_engines_count_the_same_arithmetic() -> None:
    read = bundle.read(find("default"))
    counts = []
    for backend in ("ort", "openvino"):
        found = layers.measure(read, backend=backend, precision="fp32", runs=1)
        kinds = ("Conv", "FusedConv", "Convolution", "GroupConvolution")
        counts.append(sum(layer.macs for layer in found if layer.kind in kinds))
    assert counts[0] == pytest.approx(counts[1], rel=0.02)


def test_an_engine_that_tells_no_layers_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(layers.MEASURES, "trt")
    assert layers.measure(bundle.read(find("default")), backend="trt", precision="fp32") == []


def test_a_precision_that_the_bundle_lacks_is_an_error() -> None:
    with pytest.raises(BundleError):
        layers.measure(bundle.read(find("default")), backend="ort", precision="fp16")
