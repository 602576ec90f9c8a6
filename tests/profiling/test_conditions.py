from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from thermedge.bundles import find
from thermedge.profiling import conditions
from thermedge.profiling.report import Profile
from thermedge.profiling.subjects import Subject
from thermedge.runtime.board_state import BoardState
from thermedge.runtime.sources import open_source

STATUS = """\
Package: libnvinfer-bin
Version: 9.9

Package: libnvinfer10
Status: install ok installed
Version: 10.3.0.30-1+cuda12.5
"""


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_board_tells_its_model_its_jetpack_and_its_tensorrt(tmp_path: Path) -> None:
    write(tmp_path, "proc/device-tree/model", "NVIDIA Jetson Orin Nano\0")
    write(tmp_path, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 1\n")
    write(tmp_path, "var/lib/dpkg/status", STATUS)
    found = conditions.of_machine(tmp_path)
    assert found["board"] == "NVIDIA Jetson Orin Nano"
    assert (found["JetPack"], found["L4T"]) == ("6.2", "36.4.3")
    assert found["TensorRT"] == "10.3.0.30-1+cuda12.5"


def test_what_a_machine_does_not_say_is_left_out(tmp_path: Path) -> None:
    found = conditions.of_machine(tmp_path)
    assert {"board", "JetPack", "L4T", "TensorRT"}.isdisjoint(found)
    assert found["date"].endswith("UTC")
    assert all(found.values())


def test_what_ran_is_told_by_its_manifest() -> None:
    opened = Subject(find("default"), "ort", threads=2).open()
    with opened.tracker:
        found = conditions.of_subject(opened, threads=2)
    assert found["bundle"].startswith("default (manifest sha256 ")
    assert (found["engine"], found["precision"]) == ("ort", "fp32")
    assert found["threads per inference"] == "2"


def test_a_scene_is_no_camera_even_at_its_own_pace() -> None:
    for uri, told in (
        ("synthetic:frames=3,size=128x96,rate=30", "frames that wait"),
        ("synthetic:frames=3,size=128x96,rate=30,realtime=1", "a scene at its own pace"),
    ):
        with open_source(uri) as source:
            found = conditions.of_source(source, uri)
        assert found["frames"].startswith("128x96 px at 30 Hz, ")
        assert told in found["frames"]
        assert found["camera in the loop"] == "no"


def test_sensors_are_told_from_their_first_to_their_last_value(
    make_profile: Callable[..., Profile],
) -> None:
    found = conditions.of_board(make_profile("a").board)
    assert (found["throttled"], found["clocks locked"]) == ("no", "no")
    assert found["power"] == "6.00 W mean of VDD_IN"
    assert found["clocks"] == "cpu0 1500 > 1500 MHz (1500 to 1500)"
    assert found["governors"] == "cpu0 schedutil"


def test_a_sensor_that_is_missing_is_said_to_be(
    make_profile: Callable[..., Profile], board_state: BoardState
) -> None:
    bare = BoardState(None, {}, {}, {}, None, {}, {}, None)
    found = conditions.of_board(make_profile("a", state=bare).board)
    assert found.pop("board samples") == "4"
    assert all(text.startswith(("unknown", "no ")) for text in found.values())
    part = replace(board_state, rails_w={"VDD_CPU": 1.0})
    found = conditions.of_board(make_profile("a", state=part).board)
    assert found["power"].startswith("no rail that everything flows through, but VDD_CPU 1")


def test_throttling_stands_out_with_its_events(make_profile: Callable[..., Profile]) -> None:
    board = replace(make_profile("a").board, is_throttled=True, throttle_events={"oc1": 2})
    assert conditions.of_board(board)["throttled"] == "YES (new events: oc1 2)"
