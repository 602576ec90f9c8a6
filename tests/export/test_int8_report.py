from thermedge.export.int8_report import _verdicts
from thermedge.export.truth import Timing


def test_the_verdict_warns_where_int8_is_not_faster():
    times = [
        Timing("ort", "fp32", 3.0),
        Timing("ort", "int8", 4.0),
        Timing("openvino", "fp32", 3.0),
        Timing("openvino", "int8", 1.5),
    ]
    slow, fast = _verdicts(times)
    assert slow.startswith("- ort: INT8 takes 1.33 of the fp32 time")
    assert "not worth it" in slow
    assert fast.startswith("- openvino: INT8 takes 0.50")
    assert fast.endswith("so it pays.")
