"""Facts about gathering wheels: the board's conditions count, and the pins."""

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import wheelhouse


def test_the_conditions_are_those_of_the_board(tmp_path, write_wheel):
    needs = (
        *('tomli; python_version < "3.11"', 'old; python_version < "3.10"'),
        *('arm; platform_machine == "aarch64"', 'linuxpy[x]; extra == "camera"'),
        'win; sys_platform == "win32"',
    )
    wheel = write_wheel(tmp_path, "thermedge", needs=needs)
    found = wheelhouse._needs(wheel, frozenset({"camera"}), 10, "aarch64")
    assert found == [
        *(("tomli", frozenset()), ("arm", frozenset())),
        ("linuxpy", frozenset({"x"})),
    ]
    assert wheelhouse._needs(wheel, frozenset(), 11, "x86_64") == []


def test_the_pin_for_the_python_of_the_board_is_taken(tmp_path):
    pins = tmp_path / "constraints.txt"
    pins.write_text('# x\nnumpy==1; python_version < "3.11"\nnumpy==2; python_version >= "3.11"\n')
    assert wheelhouse._pinned(pins, 10, "aarch64") == {"numpy": "1"}
    assert wheelhouse._pinned(pins, 12, "aarch64") == {"numpy": "2"}


def test_without_a_pin_the_wheelhouse_from_before_stays(tmp_path, write_wheel):
    wheel = write_wheel(tmp_path, "thermedge")
    before = tmp_path / "house"
    before.mkdir()
    (before / "kept").touch()
    (tmp_path / "pins").write_text("# none\n")
    with pytest.raises(BoardError, match="pip has no version in the pins"):
        wheelhouse.gather(wheel, before, pins=tmp_path / "pins", minor=10)
    assert [path.name for path in before.iterdir()] == ["kept"]
    with pytest.raises(BoardError, match="can't be read"):
        wheelhouse.gather(wheel, before, pins=tmp_path / "none", minor=10)
