import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError
from thermedge.runtime.backends import BACKENDS, open_backend


@pytest.fixture(scope="module")
def shipped():
    return bundle.read(find("default"))


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_every_name_opens_an_engine_that_runs(shipped, name):
    if name == "trt":
        pytest.skip("needs an engine that was built on this machine; see test_trt.py")
    graph = shipped.path(bundle.TEMPLATE_GRAPH)
    engine = open_backend(name, graph, shipped.manifest.template)
    engine.inputs["template"][...] = 0.5
    engine.run()
    assert all(output.any() for output in engine.outputs.values())
    engine.close()


def test_an_unknown_backend_is_refused_with_the_known_ones(shipped):
    with pytest.raises(BackendError, match="'magic'") as caught:
        open_backend("magic", shipped.path(bundle.TRACK_GRAPH), shipped.manifest.track)
    assert all(name in caught.value.remedy for name in BACKENDS)
