import json
from dataclasses import replace

import numpy as np
import pytest

from thermedge.bundle import TRACK_GRAPH
from thermedge.calibration import samples
from thermedge.calibration.clips import ClipRef
from thermedge.calibration.rollout import Collector
from thermedge.errors import CalibrationError
from thermedge.tensors import TensorSpec

HELD = ClipRef(
    layout="plain", folder="/data", name="a", group="g", first=3, frames=9, labels="0123"
)


@pytest.fixture(scope="module")
def make_set(shipped, make_frames, make_footage):
    def make(*, seed=1, windows=12, held_back=()):
        with Collector(shipped, windows=windows, templates=3, seed=seed) as collector:
            collector.roll(make_footage(make_frames(20), "first"))
            collector.roll(make_footage(make_frames(15, dtype=np.uint16), "second"))
            return samples.build(collector, shipped, seed=seed, held_back=held_back)

    return make


@pytest.fixture(scope="module")
def made(make_set):
    return make_set(held_back=(HELD,))


@pytest.fixture
def saved(made, tmp_path):
    made.save(tmp_path / "set")
    return tmp_path / "set"


def test_a_set_that_was_saved_is_read_as_it_was(made, saved):
    again = samples.read(saved)
    assert again.header == made.header
    assert again.sha256 == made.sha256
    assert again.held_back == (HELD,)
    for graph in ("template", "track"):
        pairs = zip(made.feeds(graph), again.feeds(graph), strict=True)
        for before, after in pairs:
            assert before.keys() == after.keys()
            assert all(np.array_equal(before[name], after[name]) for name in before)


def test_feeds_have_the_shapes_that_the_graphs_take(made, shipped):
    for graph, spec in (("template", shipped.manifest.template), ("track", shipped.manifest.track)):
        feeds = list(made.feeds(graph))
        assert feeds
        for item in spec.inputs:
            assert {feed[item.name].shape for feed in feeds} == {item.shape}
            assert {str(feed[item.name].dtype) for feed in feeds} == {item.dtype}


def test_a_set_counts_windows_and_frames(made):
    assert made.num_windows == len(made.origin) == 12
    assert made.num_frames == len({(o.recording, o.frame) for o in made.origin})
    assert made.header.offered["track"] > 12
    assert made.coverage.num_held_back == 1


def test_track_feeds_come_clip_by_clip_in_their_order(made):
    order = [(origin.clip, origin.frame) for origin in made.origin]
    assert order == sorted(order)
    assert made.arrays["clip"].tolist() == [origin.clip for origin in made.origin]
    assert {origin.recording for origin in made.origin} == {0, 1}


def test_the_same_seed_gives_the_same_set_and_another_does_not(make_set, made):
    assert make_set().sha256 == made.sha256
    assert make_set(seed=2).sha256 != made.sha256


def test_a_set_fits_the_bundle_that_it_was_made_for(made, shipped):
    made.check(shipped)


def test_a_set_of_another_tracker_is_refused(made, shipped):
    other = replace(shipped, manifest=replace(shipped.manifest, tracker="smmt"))
    with pytest.raises(CalibrationError, match="stdtrack nano.*smmt nano") as caught:
        made.check(other)
    assert "thermedge calibrate" in caught.value.remedy


def test_a_set_of_another_window_size_is_refused(made, shipped):
    spec = shipped.manifest.track
    wider = replace(spec, inputs=(TensorSpec("search", (1, 1, 192, 192)), *spec.inputs[1:]))
    with pytest.raises(CalibrationError, match="192"):
        made.check(replace(shipped, manifest=replace(shipped.manifest, track=wider)))


def test_a_set_of_other_weights_is_refused(made, shipped):
    files = shipped.manifest.files | {TRACK_GRAPH: "0" * 64}
    with pytest.raises(CalibrationError, match="other weights"):
        made.check(replace(shipped, manifest=replace(shipped.manifest, files=files)))


def test_nothing_is_made_of_nothing(shipped, make_frames, make_footage):
    truth = np.full((6, 4), np.nan)
    with Collector(shipped, windows=9, templates=3, seed=0) as collector:
        with pytest.raises(CalibrationError, match="there are none"):
            samples.build(collector, shipped, seed=0)
        collector.roll(make_footage(make_frames(6), truth=truth))
        with pytest.raises(CalibrationError, match="square: 6 frames, 0 starts") as caught:
            samples.build(collector, shipped, seed=0)
    assert "--auto" in caught.value.remedy


def test_one_changed_number_is_found(saved):
    with np.load(saved / samples.ARRAYS) as file:
        arrays = dict(file)
    arrays["track.search"][0, 0, 5, 5] += 1e-3
    np.savez(saved / samples.ARRAYS, **arrays)
    with pytest.raises(CalibrationError, match="sha256"):
        samples.read(saved)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused(saved, content):
    (saved / samples.ARRAYS).write_bytes(content)
    with pytest.raises(CalibrationError, match="can't be read"):
        samples.read(saved)


def changed(folder, **values):
    path = folder / samples.HEADER
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"format": samples.FORMAT + 1}, "reads up to"),
        ({"track": []}, "disagree or are empty"),
        ({"seed": "many"}, "seed"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_header_that_can_not_be_is_refused(saved, values, expected):
    changed(saved, **values)
    with pytest.raises(CalibrationError, match=expected):
        samples.read(saved)


def test_a_stratum_that_nobody_knows_is_refused(saved):
    header = json.loads((saved / samples.HEADER).read_text())
    header["track"][0]["strata"]["size"] = "huge"
    (saved / samples.HEADER).write_text(json.dumps(header))
    with pytest.raises(CalibrationError, match="huge"):
        samples.read(saved)


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_folder_that_is_no_set_is_refused_with_how_to_make_one(tmp_path, content):
    if content is not None:
        (tmp_path / samples.HEADER).write_text(content)
    with pytest.raises(CalibrationError) as caught:
        samples.read(tmp_path)
    assert "thermedge calibrate" in caught.value.remedy


def test_an_older_set_is_replaced_whole(made, make_set, saved):
    newer = make_set(seed=2)
    newer.save(saved)
    assert samples.read(saved).sha256 == newer.sha256
    expected = {samples.HEADER, samples.ARRAYS, samples.REPORT, samples.PICTURE}
    assert {path.name for path in saved.iterdir()} == expected
    assert [path.name for path in saved.parent.iterdir()] == ["set"]


def test_a_link_to_a_set_stays_a_link(made, make_set, saved, tmp_path):
    link = tmp_path / "newest"
    link.symlink_to(saved)
    other = make_set(seed=8)
    other.save(link)
    assert link.is_symlink()
    assert samples.read(saved).sha256 == other.sha256


def test_a_folder_of_something_else_is_left_alone(made, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(CalibrationError, match="no calibration set"):
        made.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_set_beside_other_files_is_left_alone(made, saved):
    (saved / "notes.txt").write_text("keep")
    with pytest.raises(CalibrationError, match=r"notes\.txt"):
        made.save(saved)
    assert (saved / "notes.txt").read_text() == "keep"


def test_a_save_that_fails_leaves_the_older_set(made, saved, monkeypatch):
    before = (saved / samples.HEADER).read_bytes()

    def full(*arguments, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(CalibrationError, match="No space left"):
        made.save(saved)
    assert (saved / samples.HEADER).read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["set"]
