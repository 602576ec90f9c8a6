import runpy
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import wheelhouse

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_wheels.py")))
CHECKOUT = Path(__file__).parents[2]
PINS = """\
pip==26.3
alpha==1; python_version < "3.11"
alpha==2; python_version >= "3.11"
beta==1
old-only==1; python_version < "3.11"
arm-only==1
fast==1
"""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder in place of the package index, and what thermedge needs of it."""
    folder = tmp_path / "index"
    folder.mkdir()
    write = TINY["write_wheel"]
    write(folder, "pip", "26.3")
    for version in ("1", "2"):
        write(folder, "alpha", version, needs=("beta[speed]",))
    write(
        folder,
        "beta",
        "1",
        needs=('fast; extra == "speed"', 'arm-only; platform_machine == "aarch64"'),
    )
    write(folder, "old_only", "1")
    write(folder, "arm_only", "1", tags="cp310-abi3-manylinux_2_28_aarch64")
    write(folder, "fast", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    (tmp_path / "pins.txt").write_text(PINS)
    needs = ("alpha", 'old-only; python_version < "3.11"', 'nowhere; extra == "other"')
    return write(tmp_path, needs=needs, extras=("other",))


def gathered(wheel, tmp_path, minor, machine="aarch64", extras=()):
    found = wheelhouse.gather(
        wheel,
        tmp_path / "house",
        pins=tmp_path / "pins.txt",
        minor=minor,
        machine=machine,
        extras=extras,
    )
    return {one.name: one.version for one in found}


def test_conditions_are_those_of_the_board_and_not_of_this_python(index, tmp_path):
    both = {"pip": "26.3", "thermedge": "9.9", "beta": "1", "fast": "1"}
    assert gathered(index, tmp_path, 10) == both | {"alpha": "1", "old_only": "1", "arm_only": "1"}
    assert gathered(index, tmp_path, 12) == both | {"alpha": "2", "arm_only": "1"}
    assert gathered(index, tmp_path, 12, "x86_64") == both | {"alpha": "2"}


def test_what_has_no_pin_or_no_wheel_is_named_and_nothing_is_replaced(index, tmp_path):
    (tmp_path / "house").mkdir()
    (tmp_path / "house/old-1-py3-none-any.whl").touch()
    with pytest.raises(BoardError, match="nowhere has no version in the pins"):
        gathered(index, tmp_path, 12, extras=("other",))
    (tmp_path / "index/fast-1-py3-none-any.whl").unlink()
    with pytest.raises(BoardError, match=r"fast 1 can't be had for Python 3\.12 on aarch64"):
        gathered(index, tmp_path, 12)
    assert [path.name for path in (tmp_path / "house").iterdir()] == ["old-1-py3-none-any.whl"]


def test_half_a_wheel_is_told(index, tmp_path):
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(BoardError, match="is no whole wheel"):
        gathered(index, tmp_path, 12)


def test_a_folder_that_is_no_wheelhouse_is_never_replaced(index, tmp_path):
    (tmp_path / "house").mkdir()
    (tmp_path / "house/notes.txt").write_text("precious")
    with pytest.raises(BoardError, match=r"holds 'notes\.txt', and would be replaced"):
        gathered(index, tmp_path, 12)
    assert (tmp_path / "house/notes.txt").read_text() == "precious"
    (tmp_path / "house/notes.txt").rename(tmp_path / "notes")
    (tmp_path / "house").rmdir()
    (tmp_path / "notes").rename(tmp_path / "house")
    with pytest.raises(BoardError, match="exists and is no folder"):
        gathered(index, tmp_path, 12)
    assert (tmp_path / "house").read_text() == "precious"


def test_an_extra_that_thermedge_lacks_is_refused_with_those_it_has(index, tmp_path):
    with pytest.raises(BoardError, match="has no extra 'mqqt'") as caught:
        gathered(index, tmp_path, 12, extras=("mqqt",))
    assert "other" in caught.value.remedy
    assert not (tmp_path / "house").exists()


def test_every_extra_of_a_board_is_one_of_setup_cfg():
    import configparser

    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    assert set(wheelhouse.EXTRAS) <= set(setup["options.extras_require"])


def test_missing_pins_are_told(index, tmp_path):
    (tmp_path / "pins.txt").unlink()
    with pytest.raises(BoardError, match="can't be read"):
        gathered(index, tmp_path, 10)


def test_the_folder_that_one_stands_in_can_be_a_wheelhouse_too(index, tmp_path, monkeypatch):
    house = tmp_path / "house"
    house.mkdir()
    monkeypatch.chdir(house)
    wheelhouse.gather(index, Path(), pins=tmp_path / "pins.txt", minor=12, extras=())
    assert len(list(house.glob("*.whl"))) == 6
