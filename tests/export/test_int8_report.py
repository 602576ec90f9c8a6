from dataclasses import replace

from thermedge import bundle
from thermedge.bundles import find
from thermedge.export.int8 import Outcome
from thermedge.export.int8_report import _accuracy, _verdicts
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


def test_one_recording_alone_has_no_interval():
    spec = bundle.read(find("default")).manifest.int8
    many, one = (
        _accuracy(Outcome(replace(spec, clips=clips), {}, frozenset(), (), ())) for clips in (77, 1)
    )
    assert "(95 % interval of the paired difference " in many
    assert "interval" not in one
    assert "of one recording alone" in one
