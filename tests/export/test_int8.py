"""A whole way to INT8 on generated recordings: set, ranges, accuracy, graphs, report."""

import shutil

import cv2
import onnx
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.calibration import samples
from thermedge.commands import main
from thermedge.errors import BundleError
from thermedge.evaluation import datasets
from thermedge.export import accuracy, int8
from thermedge.runtime import golden
from thermedge.runtime.scene import random_spec
from thermedge.runtime.sources.synthetic import SyntheticSource


def record(folder, seed):
    """Write a generated scene as labelled pictures."""
    folder.mkdir(parents=True)
    with SyntheticSource(random_spec(seed, num_frames=24)) as source:
        for frame in source:
            cv2.imwrite(str(folder / f"{frame.index:04d}.png"), frame.counts)
        lines = [",".join(f"{value:.2f}" for value in box) for box in source.truths]
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    place = tmp_path_factory.mktemp("int8")
    for seed in range(40, 44):
        record(place / "clips" / f"scene{seed}", seed)
    size = ["--windows", "24", "--templates", "8", "--held-back", "0.5"]
    assert main(["calibrate", f"auto:{place / 'clips'}", "-o", str(place / "set"), *size]) == 0
    return place


@pytest.fixture(scope="module")
def made(calibrated):
    out = calibrated / "small"
    asked = ["--precision", "int8", "--calibration", str(calibrated / "set"), "--budget", "0.5"]
    assert main(["export", "default", "-o", str(out), *asked]) == 0
    return bundle.read(out)


def test_the_manifest_says_what_int8_was_made_from_and_what_it_costs(made):
    spec = made.manifest.int8
    assert made.manifest.precision == "int8"
    assert spec.method in ("minmax", "percentile", "entropy")
    assert {"fp32", "int8", "minmax", "percentile", "entropy"} == set(spec.success_auc)
    assert spec.clips == 2
    assert spec.success_auc["int8"] == spec.success_auc[spec.method]
    assert spec.lost == pytest.approx(spec.success_auc["fp32"] - spec.success_auc["int8"])
    assert spec.lost_low <= spec.lost <= spec.lost_high
    assert spec.mac_share > 0.9


def test_int8_graphs_weigh_less_than_half_of_the_fp32_ones(made):
    for graph in ("template", "track"):
        whole, small = (made.path(bundle.graph_file(graph, p)) for p in ("fp32", "int8"))
        assert small.stat().st_size < 0.4 * whole.stat().st_size


def test_the_int8_graphs_agree_with_the_golden_vectors_as_far_as_at_export(made):
    gaps = golden.check(made, backend="ort", precision="int8")
    assert gaps == pytest.approx(made.manifest.int8.gaps, abs=1e-5)
    assert max(gaps.values()) > golden.TOLERANCE  # it is not the fp32 graph that ran


def test_the_report_lists_every_layer_with_its_reason(made):
    text = (made.folder / "INT8.md").read_text()
    assert "## Verdict" in text
    assert "first layer" in text
    weighted = [
        node
        for node in onnx.load(made.path(bundle.TRACK_GRAPH)).graph.node
        if node.op_type in ("Conv", "MatMul")
    ]
    assert text.count("| track |") >= len(weighted)


def test_clips_of_one_name_in_two_data_sets_count_apart(calibrated, tmp_path):
    for part in ("a", "b"):
        for number, seed in enumerate((40, 41) if part == "a" else (42, 43)):
            copied = tmp_path / part / f"clip{number}"
            shutil.copytree(calibrated / "clips" / f"scene{seed}", copied)
    sequences = [one for part in ("a", "b") for one in datasets.read(tmp_path / part).sequences]
    found = accuracy.measure(find("default"), sequences, "fp32")
    assert len(found) == 4
    alone = accuracy.measure(find("default"), sequences[:2], "fp32")
    assert {name: found[name].measures for name in alone} == {
        name: score.measures for name, score in alone.items()
    }


def test_two_held_back_clips_that_could_be_taken_for_one_are_refused(calibrated, tmp_path):
    for year in ("2025", "2026"):
        shutil.copytree(calibrated / "clips", tmp_path / year / "yard/val")
    twins = [datasets.read(tmp_path / year / "yard/val").sequences[0] for year in ("2025", "2026")]
    request = int8.Request(samples.read(calibrated / "set"), tuple(twins))
    with pytest.raises(BundleError, match="'yard/val/scene40'"):
        int8.check_clips(request)


def test_int8_without_recordings_is_refused_with_the_remedy(tmp_path, capsys):
    assert main(["export", "default", "-o", str(tmp_path / "x"), "--precision", "int8"]) == 2
    told = capsys.readouterr().err
    assert "needs a calibration set" in told
    assert "thermedge calibrate" in told
    assert not (tmp_path / "x").exists()


def test_a_set_of_another_tracker_is_refused(calibrated, exported, tmp_path, capsys):
    asked = ["--precision", "int8", "--calibration", str(calibrated / "set")]
    assert main(["export", str(exported[2]), "-o", str(tmp_path / "x"), *asked]) == 2
    assert "made with another" in capsys.readouterr().err


def test_a_budget_that_is_not_met_leaves_nothing(calibrated, tmp_path, capsys):
    asked = ["--precision", "int8", "--calibration", str(calibrated / "set"), "--budget", "-1"]
    assert main(["export", "default", "-o", str(tmp_path / "x"), *asked]) == 2
    assert "--budget is -1" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
