import json

from thermedge.commands import main
from thermedge.errors import BundleError
from thermedge.runtime import tracker


def test_the_demo_survives_occlusion_and_shutter_and_writes_its_files(tmp_path, capsys):
    out = tmp_path / "made" / "here"
    assert main(["demo", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    mean = float(told.split("truth:")[1])
    rows = [json.loads(line) for line in (out / "tracks.jsonl").read_text().splitlines()]
    assert mean > 0.7
    assert len(rows) == 450
    assert rows[-1]["state"] == "tracking"
    assert any(row["state"] == "coasting" for row in rows)
    closed, opened = told.index("shutter_closed"), told.index("shutter_opened")
    assert closed < opened < told.index("reacquired", opened)
    assert (out / "scene.mp4").stat().st_size > 100_000


def test_a_folder_that_can_not_be_made_is_an_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file" / "out")]) == 2
    assert "can't be made" in capsys.readouterr().err


def test_the_precision_asked_for_is_the_one_that_runs(tmp_path, monkeypatch):
    asked = {}

    def opened(bundle, **chosen):
        asked.update(chosen)
        raise BundleError("That is all this test wants to know.", "Nothing.")

    monkeypatch.setattr(tracker, "open_tracker", opened)
    assert main(["demo", "--out", str(tmp_path), "--backend", "ort", "--precision", "fp32"]) == 2
    assert asked == {"backend": "ort", "precision": "fp32"}
