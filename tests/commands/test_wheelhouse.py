import zipfile

import pytest

from thermedge.commands import main


@pytest.mark.parametrize("python", ["2.7", "3.8", "three"])
def test_a_python_that_thermedge_does_not_run_on_is_refused(python, tmp_path, capsys):
    asked = ["wheelhouse", "a.whl", "-o", str(tmp_path / "x"), "--python", python]
    assert main(asked) == 2
    assert python in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_wheel_that_is_not_there_is_refused_with_the_way_to_build_it(tmp_path, capsys):
    assert main(["wheelhouse", str(tmp_path / "a.whl"), "-o", str(tmp_path / "x")]) == 2
    assert "fix: Build it: make wheel" in capsys.readouterr().err


def test_a_folder_that_can_not_be_made_has_one_clear_error(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "t-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("t-1.dist-info/METADATA", "Provides-Extra: camera\nProvides-Extra: trt\n")
    (tmp_path / "pins.txt").touch()
    (tmp_path / "file").touch()
    asked = ["wheelhouse", wheel.filename, "--pins", str(tmp_path / "pins.txt")]
    assert main([*asked, "-o", str(tmp_path / "file/house")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {tmp_path}/file/house can't be made: ")
    assert "\nfix: Make room, or name another folder with -o." in told
