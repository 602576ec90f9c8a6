"""Facts about results in CSV."""

import csv
from dataclasses import replace
from pathlib import Path

from thermedge.events import Event
from thermedge.frame import Frame
from thermedge.runtime.sinks.table import COLUMNS, open_csv
from thermedge.runtime.track import NO_BOX, STAGES, TargetCelsius, Track


def test_the_header_names_every_column() -> None:
    columns = ",".join(COLUMNS[:9])
    assert columns == "frame,timestamp_ns,x,y,w,h,score,state,dropped"
    assert COLUMNS[9:-6] == tuple(f"ms_{stage}" for stage in STAGES)
    assert COLUMNS[-6:] == ("age_ms", "low_c", "mean_c", "high_c", "events", "confidence")


def test_one_row_per_frame_says_everything(tmp_path: Path, frame: Frame, track: Track) -> None:
    sink = open_csv(tmp_path / "a.csv")
    sink.write(frame, track)
    sink.write(frame, replace(track, frame_index=8))
    sink.close()
    with (tmp_path / "a.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert {key: value for key, value in first.items() if not key.startswith("ms_")} == {
        "frame": "7",
        "timestamp_ns": "233333333",
        "x": "12.3457",
        "y": "20.5000",
        "w": "9.8765",
        "h": "7.0000",
        "score": "0.8765",
        "state": "tracking",
        "dropped": "2",
        **dict.fromkeys(("age_ms", "low_c", "mean_c", "high_c", "events", "confidence"), ""),
    }
    assert second["frame"] == "8"


def test_a_stage_that_did_not_run_leaves_its_field_empty(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    sink = open_csv(tmp_path / "a.csv")
    sink.write(frame, track)
    sink.close()
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    stages = {stage: row[f"ms_{stage}"] for stage in STAGES}
    assert {stage: ms for stage, ms in stages.items() if ms} == {
        "wait": "30.0000",
        "crop": "0.2500",
        "infer": "3.4568",
    }


def test_a_run_without_frames_leaves_no_table(tmp_path: Path) -> None:
    open_csv(tmp_path / "a.csv").close()
    assert list(tmp_path.iterdir()) == []


def test_age_temperatures_events_and_confidence_have_columns(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    events = (Event("stall", 1, 2, "a, b"), Event("reconnected", 1, 2, "c"))
    celsius = TargetCelsius(-3.14159, 20.0, 36.6)
    sink = open_csv(tmp_path / "a.csv")
    known = replace(track, age_ms=1.5, target_c=celsius, events=events, confidence=0.75)
    sink.write(frame, known)
    sink.close()
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    found = [row[name] for name in COLUMNS[-6:]]
    assert found == ["1.5000", "-3.14", "20.00", "36.60", "stall reconnected", "0.7500"]


def test_a_frame_without_a_target_reads_as_numbers_that_are_none(
    tmp_path: Path, frame: Frame, track: Track
) -> None:
    sink = open_csv(tmp_path / "a.csv")
    sink.write(frame, replace(track, box=NO_BOX, state="idle"))
    sink.close()
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["x"], row["h"], row["state"]) == ("nan", "nan", "idle")
