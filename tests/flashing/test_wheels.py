import runpy
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import wheels

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))
EMPTY = b"PK\5\6" + bytes(18)  # a zip file without files
FITS = {
    "numpy-2.2.6-cp310-cp310-manylinux_2_17_aarch64.manylinux2014_aarch64.whl": (True, False),
    "opencv_python_headless-5.0.0-cp37-abi3-manylinux_2_28_aarch64.whl": (True, True),
    "rich-15.0.0-py3-none-any.whl": (True, True),
    "coloredlogs-15.0.1-py2.py3-none-any.whl": (True, True),
    "numpy-2.2.6-cp310-cp310-manylinux_2_17_x86_64.whl": (False, False),
    "future-1-cp311-abi3-manylinux_2_28_aarch64.whl": (False, False),
    "old-1-py2-none-any.whl": (False, False),
}


@pytest.fixture
def house(tmp_path):
    for name in ("thermedge-1-py3-none-any.whl", "pip-26-py3-none-any.whl"):
        (tmp_path / name).write_bytes(EMPTY)
    return tmp_path


@pytest.mark.parametrize("name", FITS)
def test_a_wheel_fits_the_boards_that_its_name_says(tmp_path, name):
    (tmp_path / name).touch()
    (wheel,) = wheels.found(tmp_path)
    on_jetpack_6, on_python_3_9 = FITS[name]
    assert wheel.fits(10, "aarch64") == on_jetpack_6
    assert wheel.fits(9, "aarch64") == on_python_3_9


def test_a_wheelhouse_without_pip_or_with_two_of_ours_is_refused(house):
    wheels.check(house)
    (house / "thermedge-2-py3-none-any.whl").touch()
    with pytest.raises(BoardError, match="holds 2 wheels of thermedge"):
        wheels.check(house)
    (house / "thermedge-2-py3-none-any.whl").unlink()
    (house / "pip-26-py3-none-any.whl").unlink()
    with pytest.raises(BoardError, match="holds 0 wheels of pip"):
        wheels.check(house)


def test_a_wheel_for_another_board_is_named_with_the_command_that_helps(house):
    (house / "numpy-2-cp310-cp310-manylinux_2_17_aarch64.whl").write_bytes(EMPTY)
    wheels.check(house, minor=10, machine="aarch64")
    with pytest.raises(BoardError, match="numpy-2") as caught:
        wheels.check(house, minor=12, machine="aarch64")
    assert "make wheelhouse BOARD_PYTHON=3.12 BOARD_MACHINE=aarch64" in caught.value.remedy


def test_a_file_that_is_no_wheel_and_a_folder_that_is_missing_are_refused(house):
    (house / "numpy.whl").touch()
    with pytest.raises(BoardError, match="not the name of a wheel"):
        wheels.found(house)
    with pytest.raises(BoardError, match="can't be read"):
        wheels.found(house / "missing")


def test_one_finds_a_package_by_its_name(house):
    assert wheels.one(house, "pip").name == "pip-26-py3-none-any.whl"


def test_a_wheel_that_is_not_whole_is_refused_before_it_travels(house):
    (house / "rich-15.0.0-py3-none-any.whl").write_bytes(b"PK half of it")
    with pytest.raises(BoardError, match=r"rich-15\.0\.0-py3-none-any\.whl is no whole wheel"):
        wheels.check(house)
