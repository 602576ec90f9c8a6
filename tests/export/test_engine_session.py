"""Facts about a session that need no tracker; tests/commands/test_build.py runs whole ones."""

from types import SimpleNamespace

import pytest

from thermedge.errors import BackendError
from thermedge.export import engine, engine_session
from thermedge.export.engine import Built
from thermedge.export.engine_plan import Job
from thermedge.export.engine_session import Accepted, Session, fastest
from thermedge.runtime import engine_cache


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def graphs(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in ("template.onnx", "track.onnx"):
        (folder / name).write_bytes(name.encode())
    return {name: folder / f"{name}.onnx" for name in ("template", "track")}


@pytest.fixture
def open_session(recorded_tensorrt, host_gpu):
    def opened(version="10.3.0", free_mib=4096, **options):
        trt = recorded_tensorrt(version)
        return Session(trt, lambda: host_gpu.HostGpu(free_mib=free_mib), **options)

    return opened


def accepted(graphs, precision="fp16", p50_ms=1.0, timings=b""):
    built = {graph: Built(b"engine", 3.0, ("FP16",), timings) for graph in graphs}
    verdict = SimpleNamespace(gaps={"score": 1e-3}, p50_ms=p50_ms)
    return Accepted(Job(precision, graphs), built, {g: {"fp16": 9} for g in graphs}, verdict)


def test_a_session_knows_the_board_and_how_much_memory_it_may_take(open_session):
    session = open_session(free_mib=2000)
    assert session.here == engine_cache.Platform(
        tensorrt="10.3.0", gpu="Orin", compute_capability="8.7", driver="12.6"
    )
    assert session.workspace_mib == 500
    assert open_session(workspace_mib=33).workspace_mib == 33


def test_who_insists_on_a_workspace_builds_with_little_memory(open_session):
    assert open_session(free_mib=100, workspace_mib=64).workspace_mib == 64
    with pytest.raises(BackendError, match="Only 100 MiB"):
        open_session(free_mib=100)


def test_installed_engines_tell_how_they_were_built(open_session, graphs):
    session = open_session()
    session.install(accepted(graphs))
    facts = engine_cache.load(graphs["track"], session.here).facts
    assert (facts.precision, facts.flags, facts.layers) == ("fp16", ("FP16",), {"fp16": 9})
    assert facts.gaps == {"score": 1e-3}


def test_engines_are_current_only_for_what_they_were_built_for(open_session, graphs):
    session = open_session()
    jobs = (Job("fp16", graphs),)
    assert not session.is_current(None, jobs)
    session.install(accepted(graphs))
    assert session.is_current(None, jobs)
    assert session.is_current(None, (Job("fp16", graphs), Job("int8", graphs)))
    assert not session.is_current(None, (Job("int8", graphs),))
    assert not open_session("10.16.1").is_current(None, jobs)
    assert not open_session(dla_core=0).is_current(None, jobs)


def test_the_fastest_of_those_that_passed_is_kept(graphs):
    slow, fast = accepted(graphs, "fp16", 2.0), accepted(graphs, "int8", 1.5)
    assert fastest([slow, fast]) is fast


def test_a_timing_cache_that_somebody_changed_is_not_shown_to_tensorrt(
    open_session, graphs, cache, monkeypatch
):
    session, shown = open_session(), []

    def build(trt, graph, options, progress):
        shown.append(options.timing_cache)
        return Built(b"engine", 1.0, (), b"timings")

    monkeypatch.setattr(engine_session.engine, "build", build)
    job = Job("fp16", graphs)
    session._build(job, "track", None)
    session._build(job, "track", None)
    (stored,) = [p for p in cache.glob("timings-*") if p.suffix != ".json"]
    stored.write_bytes(b"changed")
    session._build(job, "track", None)
    assert shown == [b"", b"timings", b""]
    assert engine.build is build
