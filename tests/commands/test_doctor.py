import shutil

import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main


def test_the_shipped_bundles_are_healthy(capsys):
    assert main(["doctor"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "default: stdtrack nano, " in told
    assert "golden vectors reproduced" in told


def test_a_damaged_bundle_is_named_and_shows_in_the_exit_status(tmp_path, capsys):
    folder = tmp_path / "bundle"
    shutil.copytree(find("default"), folder)
    (folder / bundle.GOLDEN).unlink()
    assert main(["doctor", "--bundle", str(folder), "--bundle", "default"]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "FAILED" in told
    assert "default: stdtrack" in told


@pytest.mark.parametrize(("asked", "ran"), [("fp32", "fp32 by ort"), ("int8", "int8 by ort")])
def test_the_engine_and_precision_that_ran_are_told(asked, ran, capsys):
    chosen = ["--backend", "ort", "--precision", asked]
    assert main(["doctor", "--bundle", "default", *chosen]) == 0
    assert f"default: stdtrack nano, {ran}, all" in " ".join(capsys.readouterr().out.split())


def test_a_precision_that_a_bundle_lacks_fails(capsys):
    assert main(["doctor", "--bundle", "smmt", "--precision", "int8"]) == 2
    assert "smmt: FAILED" in capsys.readouterr().out


def test_every_extra_that_a_board_or_workstation_may_lack_has_a_row(capsys):
    main(["doctor", "--bundle", "default"])
    told = capsys.readouterr().out
    for package in ("starlette", "uvicorn", "websockets", "onnxscript", "cuda", "linuxpy"):
        assert package in told, package
