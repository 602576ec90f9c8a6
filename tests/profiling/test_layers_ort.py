from typing import Any

from thermedge.profiling.layers_ort import of_events


def event(name: str, dur: int, **told: Any) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": dur, "args": told}


CONVOLUTION = {
    "op_name": "Conv",
    "input_type_shape": [{"float": [1, 1, 160, 160]}, {"float": [16, 1, 3, 3]}, {"float": [16]}],
    "output_type_shape": [{"float": [1, 16, 80, 80]}],
    "activation_size": "102400",
    "parameter_size": "640",
    "output_size": "409600",
}


def test_a_layer_is_the_median_of_its_runs_without_the_first() -> None:
    (layer,) = of_events([event("a", t, **CONVOLUTION) for t in (900, 10, 30, 20)], skip=1)
    assert (layer.name, layer.kind, layer.ms) == ("a", "Conv", 0.02)
    assert layer.macs == 16 * 80 * 80 * 9
    assert layer.moved_bytes == 102400 + 640 + 409600


def test_a_quantised_convolution_finds_its_weights_behind_the_scales() -> None:
    told = {
        "op_name": "QLinearConv",
        "input_type_shape": [
            {"uint8": [1, 32, 40, 40]},
            {"float": []},
            {"uint8": []},
            {"int8": [64, 32, 3, 3]},
        ],
        "output_type_shape": [{"uint8": [1, 64, 20, 20]}],
    }
    (layer,) = of_events([event("q", 5, **told)])
    assert layer.macs == 64 * 20 * 20 * 32 * 9


def test_layers_come_in_the_order_they_run() -> None:
    events = [event(name, 1, op_name="Relu") for name in ("z", "a", "m")] * 2
    assert [layer.name for layer in of_events(events)] == ["z", "a", "m"]


def test_events_of_no_layer_and_layers_without_shapes_do_no_harm() -> None:
    events: list[dict[str, Any]] = [
        {"cat": "Session", "name": "model_run", "dur": 5, "args": {}},
        {"cat": "Node", "name": "a_fence_before", "dur": 5, "args": {}},
        {},
        event("a", 7),
        event("b", 7, op_name="MatMul", input_type_shape=[{}], output_type_shape=[]),
    ]
    found = of_events(events)
    assert [(layer.name, layer.macs, layer.moved_bytes) for layer in found] == [
        ("a", 0, 0),
        ("b", 0, 0),
    ]
