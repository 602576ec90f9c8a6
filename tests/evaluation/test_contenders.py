"""Facts about who is evaluated."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thermedge.bundle import read
from thermedge.bundles import find
from thermedge.errors import BundleError, ThermedgeError
from thermedge.evaluation import contenders
from thermedge.evaluation.peers import StaticTracker
from thermedge.files import sha256_of
from thermedge.runtime import engines, golden
from thermedge.runtime.engines import Engines
from thermedge.runtime.tracker import Tracker


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find("default"), tmp_path / "default"))


def test_a_bundle_is_named_by_its_manifest_and_known_by_its_hash(bundle: Path) -> None:
    one = contenders.from_bundle(bundle, backend="ort", threads=2)
    assert (one.name, one.run_name) == ("default", "default")
    assert one.identity["bundle_sha256"] == sha256_of(bundle / "manifest.json")
    assert (one.identity["backend"], one.identity["threads"]) == ("ort", "2")
    tracker = one.open()
    assert isinstance(tracker, Tracker)
    tracker.close()


def test_what_auto_came_to_is_part_of_a_trackers_identity(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = contenders.from_bundle(bundle)
    chosen = engines.open_engines(read(bundle))
    chosen.close()
    (one,) = contenders.checked([asked])
    assert (one.identity["backend"], one.identity["precision"]) == (
        chosen.backend,
        chosen.precision,
    )
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    (bare,) = contenders.checked([asked])
    assert (bare.identity["backend"], bare.identity["precision"]) == ("ort", "fp32")
    assert bare.identity["bundle_sha256"] == one.identity["bundle_sha256"]


def test_an_engine_is_chosen_once_and_not_for_every_clip(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = contenders.checked([contenders.from_bundle(bundle)])
    again = pickle.loads(pickle.dumps(one))
    assert again.backend in ("ort", "openvino", "trt")
    monkeypatch.setattr(golden, "compare", lambda *given: pytest.fail("the engine was judged"))
    again.open().close()


def test_an_engine_in_a_precision_of_its_own_is_opened_as_it_was_asked_for(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = contenders.from_bundle(bundle, backend="ort")
    usual = engines.open_engines

    def half(*given: Any, **options: Any) -> Engines:
        return replace(usual(*given, **options), precision="fp16")

    monkeypatch.setattr(contenders, "open_engines", half)
    (one,) = contenders.checked([found])
    assert one.identity["precision"] == "fp16"
    one.open().close()


def test_csrt_is_the_better_of_two_runs_and_the_other_peers_have_one() -> None:
    runs = contenders.from_peer("csrt")
    assert [one.run_name for one in runs] == ["csrt-round", "csrt-trunc"]
    assert {one.name for one in runs} == {"csrt"}
    assert [one.run_name for one in contenders.from_peer("kcf")] == ["kcf"]
    assert [one.run_name for one in contenders.from_peer("csrt-trunc")] == ["csrt-trunc"]


def test_a_contender_reaches_a_worker_process_and_opens_there() -> None:
    (one,) = contenders.from_peer("static")
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert again.identity == {"peer": "static"}
    assert isinstance(again.open(), StaticTracker)


def test_what_can_not_run_is_known_at_once(bundle: Path) -> None:
    one = contenders.from_bundle(bundle, backend="tpu")
    with pytest.raises(ThermedgeError, match="No backend is called 'tpu'"):
        contenders.checked([one])
    (bundle / "track.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"track\.onnx has sha256"):
        contenders.from_bundle(bundle)


def test_two_of_one_name_are_refused() -> None:
    twice = [*contenders.from_peer("static"), *contenders.from_peer("static")]
    with pytest.raises(ThermedgeError, match="Two contenders are called 'static'"):
        contenders.checked(twice)
