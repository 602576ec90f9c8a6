import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError
from thermedge.export import engine_gate
from thermedge.runtime.engines import open_engines


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(engine_gate, "SCENE", "synthetic:seed=3,frames=16,size=320x256")
    monkeypatch.setattr(engine_gate, "_RUNS", 5)


@pytest.fixture
def engines():
    opened = open_engines(bundle.read(find("default")), backend="ort", precision="fp32")
    yield opened
    opened.close()


def judged(engines):
    return engine_gate.judge(bundle.read(find("default")), "fp32", engines.template, engines.track)


def test_the_exported_graphs_themselves_pass(engines):
    verdict = judged(engines)
    assert verdict.overlap == pytest.approx(1.0)
    assert max(verdict.gaps.values()) < 1e-3
    assert 0 < verdict.p50_ms <= verdict.p99_ms


def test_an_output_that_is_off_does_not_pass(engines):
    run = engines.track.run

    def off():
        run()
        engines.track.outputs["score"][...] += 0.05

    engines.track.run = off
    with pytest.raises(BackendError, match="score by 5"):
        judged(engines)


def test_boxes_that_go_elsewhere_do_not_pass(engines, monkeypatch):
    # An engine that computes the golden vectors, but fails on what a tracker feeds it.
    monkeypatch.setattr(engine_gate.golden, "compare", lambda *given: {"score": 0.0})
    run = engines.track.run

    def turned():
        run()
        for name in ("score", "offset"):
            output = engines.track.outputs[name]
            output[...] = np.flip(output.copy(), axis=-1)

    engines.track.run = turned
    with pytest.raises(BackendError, match="does not track as ONNX Runtime does") as caught:
        judged(engines)
    assert "--precision" in caught.value.remedy


def test_not_a_number_does_not_pass(engines):
    run = engines.track.run
    engines.track.run = lambda: (run(), engines.track.outputs["size"].fill(np.nan))
    with pytest.raises(BackendError, match="size by nan"):
        judged(engines)
