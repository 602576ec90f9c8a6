from dataclasses import replace

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError
from thermedge.runtime.backends import open_backend
from thermedge.tensors import TensorSpec


@pytest.fixture(scope="module")
def shipped():
    return bundle.read(find("default"))


def test_results_are_written_into_the_same_buffers_every_time(shipped):
    engine = open_backend("ort", shipped.path(bundle.TRACK_GRAPH), shipped.manifest.track)
    buffers = {name: array.ctypes.data for name, array in engine.outputs.items()}
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(2):
        for array in engine.inputs.values():
            array[...] = rng.random(array.shape, np.float32)
        engine.run()
        seen.append({name: array.copy() for name, array in engine.outputs.items()})
    assert {name: array.ctypes.data for name, array in engine.outputs.items()} == buffers
    assert not np.array_equal(seen[0]["offset"], seen[1]["offset"])
    engine.close()
    engine.close()


def test_a_graph_of_another_shape_than_the_manifest_s_is_refused(shipped):
    spec = shipped.manifest.track
    wrong = replace(spec, inputs=(TensorSpec("search", (1, 1, 96, 96)), *spec.inputs[1:]))
    with pytest.raises(BackendError, match="96, 96"):
        open_backend("ort", shipped.path(bundle.TRACK_GRAPH), wrong)


def test_a_file_that_is_no_graph_is_refused(shipped, tmp_path):
    path = tmp_path / "track.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(BackendError, match="refuses"):
        open_backend("ort", path, shipped.manifest.track)
