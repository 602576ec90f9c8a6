import os
import shutil
from dataclasses import replace

import pytest

from thermedge.errors import BackendError, BundleError
from thermedge.files import sha256_of
from thermedge.runtime import engine_cache
from thermedge.runtime.engine_cache import EngineFacts, Platform

HERE = Platform(tensorrt="10.3.0", gpu="Orin", compute_capability="8.7", driver="12.6")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THERMEDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def graph(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "track.onnx").write_bytes(b"fp32 graph")
    (folder / "track.int8.onnx").write_bytes(b"int8 graph")
    return folder / "track.onnx"


def facts(graph, **changes):
    plain = EngineFacts(
        platform=HERE,
        source=graph.name,
        source_sha256=sha256_of(graph),
        precision="fp16",
        flags=("FP16",),
        built="2026-01-01T00:00:00+00:00",
        build_s=12.5,
    )
    return replace(plain, **changes)


def stored(cache):
    (path,) = [p for p in cache.iterdir() if p.suffix not in (".json", ".key")]
    return path


def refused(graph, match, here=HERE):
    with pytest.raises(BackendError, match=match) as caught:
        engine_cache.load(graph, here)
    assert f"thermedge build {graph.parent}" in caught.value.remedy
    return caught.value


def test_an_engine_is_loaded_where_it_was_built(graph):
    engine_cache.install(graph, b"engine", facts(graph))
    found = engine_cache.load(graph, HERE)
    assert (found.data, found.facts) == (b"engine", facts(graph))


def test_every_precision_of_a_network_finds_the_engine_that_was_installed_last(graph):
    int8 = graph.with_name("track.int8.onnx")
    engine_cache.install(graph, b"half", facts(graph))
    engine_cache.install(int8, b"bytes", facts(int8, precision="int8"))
    assert engine_cache.load(graph, HERE).data == b"bytes"
    assert engine_cache.load(int8, HERE).facts.source == "track.int8.onnx"


def test_a_network_without_an_engine_is_told_how_to_get_one(graph):
    refused(graph, "No TensorRT engine was built on this board")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"tensorrt": "8.6.2"}, r"built with TensorRT 10\.3\.0; this board has TensorRT 8\.6\.2"),
        ({"gpu": "Thor"}, "built with the GPU Orin; this board has the GPU Thor"),
        ({"driver": "13.0"}, r"a driver for CUDA 12\.6; this board has a driver for CUDA 13\.0"),
        ({"tensorrt": "11.4.1", "driver": "13.2"}, r"TensorRT 10.*12\.6; .*TensorRT 11.*13\.2"),
    ],
)
def test_an_engine_of_another_machine_is_told_apart_without_reading_it(graph, cache, change, match):
    engine_cache.install(graph, b"engine", facts(graph))
    stored(cache).unlink()  # what is not there can't have been read
    refused(graph, match, replace(HERE, **change))


def test_a_truncated_engine_is_not_loaded(graph, cache):
    engine_cache.install(graph, b"engine" * 100, facts(graph))
    os.truncate(stored(cache), 99)
    refused(graph, "truncated: 99 bytes of 600 are there. It is not loaded")


def test_an_engine_that_somebody_exchanged_is_not_loaded(graph, cache):
    engine_cache.install(graph, b"engine", facts(graph))
    stored(cache).write_bytes(b"evil!!")
    refused(graph, "changed after it was written")


def test_an_engine_that_was_copied_from_another_board_is_not_loaded(graph, cache, monkeypatch):
    engine_cache.install(graph, b"engine", facts(graph))
    elsewhere = cache.parents[1] / "elsewhere"
    monkeypatch.setenv("THERMEDGE_CACHE", str(elsewhere))
    shutil.copytree(cache, elsewhere / "engines", ignore=shutil.ignore_patterns("*.key"))
    refused(graph, "not written by thermedge on this machine")


def test_a_graph_that_was_exported_anew_needs_a_new_engine(graph):
    int8 = graph.with_name("track.int8.onnx")
    engine_cache.install(int8, b"engine", facts(int8))
    int8.write_bytes(b"calibrated anew")
    refused(graph, r"from another track\.int8\.onnx")


def test_another_network_has_another_place(graph):
    engine_cache.install(graph, b"engine", facts(graph))
    graph.write_bytes(b"another network")
    refused(graph, "No TensorRT engine")


def test_facts_of_another_version_of_thermedge_are_not_guessed_at(graph, monkeypatch):
    monkeypatch.setattr(engine_cache, "asdict", lambda facts: {"unheard": 1})
    engine_cache.install(graph, b"engine", facts(graph))
    monkeypatch.undo()
    with pytest.raises(BackendError):
        engine_cache.load(graph, HERE)


def test_a_cache_that_can_t_be_written_is_told(graph, cache):
    cache.parent.mkdir()
    cache.write_text("a file")
    with pytest.raises(BackendError, match="can't be kept") as caught:
        engine_cache.install(graph, b"engine", facts(graph))
    assert "THERMEDGE_CACHE" in caught.value.remedy


def test_a_graph_that_is_gone_is_told(graph):
    gone = graph.with_name("template.onnx")
    with pytest.raises(BundleError, match=r"template\.onnx"):
        engine_cache.load(gone, HERE)


def test_the_service_s_cache_is_used_where_it_exists(tmp_path, monkeypatch):
    monkeypatch.delenv("THERMEDGE_CACHE")
    monkeypatch.setattr(engine_cache, "_SYSTEM", tmp_path)
    assert engine_cache.folder() == tmp_path / "engines"
    monkeypatch.setattr(engine_cache, "_SYSTEM", tmp_path / "missing")
    assert engine_cache.folder().parts[-3:] == (".cache", "thermedge", "engines")
