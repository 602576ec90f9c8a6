from dataclasses import replace

import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError
from thermedge.export import engine_plan
from thermedge.export.engine_adapters import adapter

OLD, NEW = "10.3.0", "11.4.0"


@pytest.fixture
def plan(recorded_tensorrt, tmp_path):
    """Return a function that plans for a bundle with graphs of these precisions."""
    shipped = bundle.read(find("default"))

    def planned(version, wanted, *precisions, **options):
        files = {"template.onnx": "", "track.onnx": ""}
        files |= {
            bundle.graph_file(graph, one): "" for one in precisions for graph in engine_plan.GRAPHS
        }
        has = replace(shipped, folder=tmp_path, manifest=replace(shipped.manifest, files=files))
        return engine_plan.jobs(has, adapter(recorded_tensorrt(version)), wanted, **options)

    return planned


def sources(jobs):
    return {job.precision: [path.name for path in job.sources.values()] for job in jobs}


def test_the_fp32_graphs_become_fp16_engines_where_a_flag_says_so(plan):
    assert sources(plan(OLD, "fp16")) == {"fp16": ["template.onnx", "track.onnx"]}


def test_the_fp16_graphs_do_where_the_graph_says_so(plan):
    assert sources(plan(NEW, "fp16", "fp16")) == {"fp16": ["template.fp16.onnx", "track.fp16.onnx"]}


def test_best_is_all_that_the_bundle_has(plan):
    assert list(sources(plan(OLD, "best"))) == ["fp16"]
    assert list(sources(plan(OLD, "best", "int8"))) == ["fp16", "int8"]
    assert list(sources(plan(NEW, "best", "int8"))) == ["int8"]
    assert list(sources(plan(NEW, "best", "fp16", "int8"))) == ["fp16", "int8"]


@pytest.mark.parametrize("wanted", ["fp16", "best"])
def test_a_tensorrt_without_flags_needs_a_bundle_with_fp16_graphs(plan, wanted):
    with pytest.raises(BackendError, match=r"track\.fp16\.onnx.*TensorRT 11\.4\.0") as caught:
        plan(NEW, wanted)
    assert "Export the bundle again" in caught.value.remedy


def test_int8_needs_a_bundle_that_was_calibrated(plan):
    with pytest.raises(
        BackendError, match=r"no template\.int8\.onnx and track\.int8\.onnx"
    ) as caught:
        plan(OLD, "int8")
    assert "--calibration" in caught.value.remedy


@pytest.mark.parametrize("wanted", ["int8", "best", "fp32"])
def test_the_accelerator_takes_fp16_alone(plan, wanted):
    with pytest.raises(BackendError, match="DLA.*Q/DQ") as caught:
        plan(OLD, wanted, "int8", dla_core=0)
    assert "--precision fp16" in caught.value.remedy
    assert list(sources(plan(OLD, "fp16", dla_core=0))) == ["fp16"]
