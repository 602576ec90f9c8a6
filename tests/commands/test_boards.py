"""Facts about `thermedge boards`."""

import json

import pytest

from thermedge import board_configs
from thermedge.board_configs import detect
from thermedge.commands import main

FOUND = detect.Detected(
    model="NVIDIA Jetson Orin Nano",
    l4t="36.4.3",
    jetpack="6.2",
    board="orin-nano-8gb-devkit-super",
    power_mode="25W",
    candidates=("orin-nano-8gb-devkit-super",),
    power_modes=("15W", "25W"),
    rails=("VDD_IN",),
)
NOTHING = detect.Detected(model=None, l4t=None, jetpack=None, board=None, power_mode=None)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_every_board_has_its_row(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["boards"]) == 0
    told = capsys.readouterr().out
    for name in board_configs.names():
        (line,) = [line for line in told.splitlines() if line.split()[:1] == [name]]
        assert board_configs.read(name).tier in line


def test_one_board_is_told_with_the_source_of_everything(capsys):
    assert main(["boards", "orin-nano-8gb-devkit-super"]) == 0
    told = capsys.readouterr().out
    board = board_configs.read("orin-nano-8gb-devkit-super")
    for fact in ("p3767-0005", "compute capability 8.7", "1024 CUDA cores", "0955:7523", "25W"):
        assert fact in told
    assert all(f"{source}\n" in told for source in board.sources.values())
    assert all(release.l4t in told for release in board.release)


def test_what_nobody_confirmed_is_told_as_such(capsys):
    assert main(["boards", "thor-t4000"]) == 0
    told = capsys.readouterr().out
    assert "USB id not confirmed" in told
    assert "CUDA cores," not in told


def test_json_holds_the_same(capsys):
    assert main(["boards", "--json"]) == 0
    every = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in every] == list(board_configs.names())
    assert main(["boards", "tx2-nx", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["module"]["soc"] == "tegra186"


def test_an_unknown_board_is_an_error(capsys):
    assert main(["boards", "raspberry"]) == 2
    assert "'raspberry'" in capsys.readouterr().err


def test_a_name_and_detect_contradict_each_other(capsys):
    assert main(["boards", "tx2-nx", "--detect"]) == 2
    assert "--detect" in capsys.readouterr().err


def test_this_machine_is_told(capsys, monkeypatch):
    monkeypatch.setattr(detect, "detect", lambda: FOUND)
    assert main(["boards", "--detect"]) == 0
    told = capsys.readouterr().out
    for fact in ("orin-nano-8gb-devkit-super", "36.4.3 (JetPack 6.2)", "15W, 25W", "VDD_IN"):
        assert fact in told
    assert main(["boards", "--detect", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["board"] == FOUND.board


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_machine_that_is_no_board_has_another_status(capsys, monkeypatch, flags):
    monkeypatch.setattr(detect, "detect", lambda: NOTHING)
    assert main(["boards", "--detect", *flags]) == 2
    assert "null" in capsys.readouterr().out if flags else "no Jetson" in capsys.readouterr().out


def test_a_release_that_the_board_is_not_known_to_run_is_told(capsys, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(detect, "detect", lambda: replace(FOUND, l4t="40.1.0", jetpack=None))
    assert main(["boards", "--detect"]) == 0
    told = capsys.readouterr().out
    assert "40.1.0 (a release that nobody tested), outside" in told
