import pytest

from thermedge import bundle
from thermedge.bundles import find, names
from thermedge.errors import BackendError
from thermedge.runtime import self_test


@pytest.mark.parametrize("name", names())
def test_every_shipped_bundle_passes_here(name):
    result = self_test.run(bundle.read(find(name)), backend="ort")
    assert result.overlap >= self_test.LEAST_OVERLAP
    assert result.num_frames == 15
    assert result.frame_ms > 0


def test_the_line_says_what_was_measured():
    shipped = bundle.read(find("default"))
    told = self_test.line(shipped, self_test.SelfTest("trt", "fp16", 1e-6, 0.71, 15, 3.4))
    assert told.startswith("self-test passed: default (stdtrack nano) in fp16 by trt, ")
    assert "mean IoU 0.71 over 15 frames, 3.4 ms" in told


def test_a_target_that_is_not_followed_fails_it(monkeypatch):
    monkeypatch.setattr(self_test, "LEAST_OVERLAP", 0.999)
    with pytest.raises(BackendError, match=r"mean IoU 0\.\d\d over 15 frames"):
        self_test.run(bundle.read(find("default")), backend="ort")
