"""Facts about recordings that start and end while the tracker runs."""

import resource
import time

import pytest

from thermedge.errors import SinkError, ThermedgeError
from thermedge.runtime.preview.recorder import Recorder
from thermedge.runtime.recording import Quota
from thermedge.runtime.sources import open_source


def recorder_of(folder, **more):
    return Recorder(folder, quota=Quota(), source="tests", rate_hz=30, is_live=False, **more)


def frames_in(run):
    with open_source(run) as source:
        return [frame.index for frame in source]


def test_it_records_from_start_to_stop(tmp_path, make_frame, make_track):
    recorder = recorder_of(tmp_path / "new")
    run = None
    for index in range(9):
        if index == 2:
            run = recorder.start()
        if index == 6:
            assert recorder.run == run
            assert recorder.stop() == run
        frame = make_frame(index)
        recorder.write(frame, make_track(frame))
    assert frames_in(run) == [2, 3, 4, 5]
    assert recorder.run is None


def test_nothing_is_made_before_it_starts(tmp_path, make_frame, make_track):
    recorder = recorder_of(tmp_path / "new")
    frame = make_frame(0)
    recorder.write(frame, make_track(frame))
    recorder.close()
    assert not (tmp_path / "new").exists()


def test_it_can_begin_with_the_first_frame(tmp_path, make_frame, make_track):
    recorder = recorder_of(tmp_path, starts_at_once=True)
    assert recorder.run is None
    frame = make_frame(5)
    recorder.write(frame, make_track(frame))
    run = recorder.run
    recorder.close()
    recorder.close()
    assert frames_in(run) == [5]


def test_the_page_may_begin_or_end_it_before_the_first_frame(tmp_path, make_frame, make_track):
    frame = make_frame(5)
    eager = recorder_of(tmp_path / "eager", starts_at_once=True)
    run = eager.start()
    eager.write(frame, make_track(frame))
    assert eager.run == run
    eager.close()
    assert frames_in(tmp_path / "eager") == [5]
    shy = recorder_of(tmp_path / "shy", starts_at_once=True)
    assert shy.stop() is None
    shy.write(frame, make_track(frame))
    assert shy.run is None


def test_each_recording_is_a_run_of_its_own(tmp_path):
    recorder = recorder_of(tmp_path)
    runs = []
    for _ in range(2):
        runs.append(recorder.start())
        recorder.stop()
    assert len(set(runs)) == 2


def test_two_at_once_are_refused(tmp_path):
    recorder = recorder_of(tmp_path)
    recorder.start()
    with pytest.raises(ThermedgeError, match="already"):
        recorder.start()
    recorder.close()


def test_a_folder_that_can_not_be_is_an_error_and_it_goes_on(tmp_path, make_frame, make_track):
    (tmp_path / "file").write_text("")
    recorder = recorder_of(tmp_path / "file")
    with pytest.raises(SinkError):
        recorder.start()
    frame = make_frame(0)
    recorder.write(frame, make_track(frame))
    assert recorder.stop() is None
    assert dict(recorder.faults) == {}


def test_a_recording_that_the_disk_ended_is_none_and_another_may_begin(
    tmp_path, make_frame, make_track
):
    recorder, index = recorder_of(tmp_path), 0
    first = recorder.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        deadline = time.monotonic() + 20
        while recorder.run is not None:
            assert time.monotonic() < deadline
            frame = make_frame(index)
            recorder.write(frame, make_track(frame))
            index += 1
            time.sleep(0.001)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    second = recorder.start()
    assert recorder.run == second != first
    frame = make_frame(index)
    recorder.write(frame, make_track(frame))
    recorder.close()
    assert frames_in(second) == [index]
    assert recorder.faults["frames not recorded"] == index - len(frames_in(first))
