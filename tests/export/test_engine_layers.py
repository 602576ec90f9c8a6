import json

import pytest

from thermedge.export import engine_layers


def information(*layers):
    return json.dumps({"Layers": list(layers), "Bindings": ["x"]})


def layer(kind, told, *, key="Format/Datatype"):
    return {"Name": "a", "LayerType": kind, "Inputs": [{"Name": "x", key: told}], "Outputs": []}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Thirty-two wide channel vectorized row major Int8 format.", "int8"),
        ("Row major linear FP16 format", "fp16"),
        ("Half", "fp16"),
        ("Row major linear FP32", "fp32"),
        ("Float", "fp32"),
        ("BFloat16", "bf16"),
        ("N/A due to dynamic shapes", "other"),
    ],
)
def test_types_are_read_from_tensorrt_s_words(told, expected):
    assert engine_layers.types_of(information(layer("CaskConvolution", told))) == {expected: 1}


def test_the_fields_of_tensorrt_11_are_read():
    new = layer("gemm", "Int8", key="DataType")
    new["Inputs"][0]["Format"] = "Row major linear"
    assert engine_layers.types_of(information(new)) == {"int8": 1}


def test_layers_that_only_move_data_do_not_count():
    told = information(
        layer("Reformat", "Int8"), layer("NoOp", "Int8"), layer("CaskConvolution", "Half")
    )
    assert engine_layers.types_of(told) == {"fp16": 1}


def test_an_engine_that_tells_names_alone_has_no_types():
    assert engine_layers.types_of(information("conv_1", "conv_2")) == {}


def test_a_request_that_was_not_met_is_told():
    assert "2 in fp32" in engine_layers.shortfall("int8", {"fp32": 2})
    assert engine_layers.shortfall("int8", {"fp32": 2, "int8": 1}) is None
    assert engine_layers.shortfall("int8", {}) is None
    assert engine_layers.shortfall("fp32", {"fp32": 2}) is None


@pytest.mark.parametrize("version", ["8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0"])
def test_every_tensorrt_has_the_inspector(recorded_tensorrt, version):
    trt = recorded_tensorrt(version)
    trt.answers["EngineInspector.get_engine_information"] = lambda inspector, form: information(
        layer("conv", "Half")
    )
    assert engine_layers.layer_types(trt, trt._new("ICudaEngine")) == {"fp16": 1}
