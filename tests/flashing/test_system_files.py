import re
from pathlib import Path

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import system_files
from thermedge.flashing.overlay import OverlayRequest

CHECKOUT = Path(__file__).parents[2]


def wanted(**values):
    given = {"version": "1", "board": "", "bundle": Path("b"), "wheelhouse": None}
    given |= {"user": "tracker", "arguments": ("v4l2:auto", "--auto", "hottest")}
    return OverlayRequest(**given | values)


def test_no_placeholder_is_left():
    contents = system_files.of_release(wanted(power_mode="25W"))
    assert not [name for name, text in contents.items() if re.search(r"@[A-Z]+@", text)]
    assert "User=tracker\n" in contents["etc/systemd/system/thermedge.service"]
    assert 'power-mode "25W"' in contents[system_files.POWER]
    conf = contents["etc/thermedge/track.conf"]
    assert conf.endswith('TRACK_ARGUMENTS="v4l2:auto --auto hottest"\n')


def test_without_a_power_mode_or_arguments_the_board_keeps_its_own():
    contents = system_files.of_release(wanted(arguments=()))
    assert system_files.POWER not in contents
    assert "etc/thermedge/track.conf" not in contents


def test_every_camera_family_with_a_usb_number_has_its_rules():
    rules = system_files.of_release(wanted())["etc/udev/rules.d/70-thermedge-cameras.rules"]
    numbers = set()
    for profile in (CHECKOUT / "runtime/sources/sensors").glob("*.toml"):
        numbers |= set(re.findall(r'^usb = "(\w{4}:\w{4})"', profile.read_text(), re.M))
    assert numbers
    for number in numbers:
        vendor, product = number.split(":")
        lines = [ln for ln in rules.splitlines() if vendor in ln and product in ln]
        assert [ln for ln in lines if ln.startswith('SUBSYSTEM=="video4linux"')], number
        assert [ln for ln in lines if ln.startswith('SUBSYSTEM=="usb"')], number


def test_rules_are_lists_of_matches_and_settings_and_open_nothing_to_everybody():
    rules = system_files.of_release(wanted())["etc/udev/rules.d/70-thermedge-cameras.rules"]
    part = re.compile(r'[A-Z]+(\{[\w/]+\})?(==|=|\+=)"[^"]*"')
    for line in rules.splitlines():
        if line and not line.startswith("#"):
            assert all(part.fullmatch(one) for one in line.split(", ")), line
    assert "0666" not in rules


def test_only_what_differs_is_written(tmp_path):
    contents = {"etc/a.conf": "a\n", "etc/b.conf": "b\n"}
    assert system_files.place(tmp_path, contents) == ["etc/a.conf", "etc/b.conf"]
    assert system_files.place(tmp_path, contents) == []
    assert system_files.place(tmp_path, contents | {"etc/b.conf": "c\n"}) == ["etc/b.conf"]
    assert system_files.below(tmp_path) == contents | {"etc/b.conf": "c\n"}
    assert (tmp_path / "etc/a.conf").stat().st_mode & 0o777 == 0o644


def test_units_start_at_boot_and_files_of_others_stay(tmp_path):
    unit = "etc/systemd/system/thermedge.service"
    link = tmp_path / "etc/systemd/system/multi-user.target.wants/thermedge.service"
    for _ in range(2):
        links = system_files.enable(tmp_path, [unit, "etc/thermedge/track.conf"])
    assert list(links.values()) == [f"/{unit}"]
    assert str(link.readlink()) == f"/{unit}"
    system_files.remove_unit(tmp_path, unit)
    assert not link.is_symlink()
    link.write_text("somebody's")
    with pytest.raises(BoardError, match="is not a link"):
        system_files.enable(tmp_path, [unit])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('TRACK_ARGUMENTS="v4l2:auto --auto hottest"', ["v4l2:auto", "--auto", "hottest"]),
        ("# TRACK_ARGUMENTS=x\n  TRACK_ARGUMENTS='a b'  ", ["a", "b"]),
        ("TRACK_ARGUMENTS=a  b", ["a", "b"]),
        ('TRACK_ARGUMENTS="a \\\n b"', ["a", "b"]),
        ("TRACK_ARGUMENTS=\"a 'b c' d\"", ["a", "b c", "d"]),
        ("TRACK_ARGUMENTS=a\nTRACK_ARGUMENTS=b", ["b"]),
        ('TRACK_ARGUMENTS="a b', ['"a', "b"]),
        ("", []),
    ],
)
def test_the_words_of_a_configuration_are_those_that_systemd_passes_on(text, words):
    assert system_files.arguments(text) == words


def test_a_file_in_another_encoding_is_kept_as_it_is(tmp_path):
    written = "# für Mast 3\n".encode("latin-1")
    (tmp_path / "a/etc").mkdir(parents=True)
    (tmp_path / "a/etc/x.conf").write_bytes(written)
    assert system_files.place(tmp_path / "b", system_files.below(tmp_path / "a")) == ["etc/x.conf"]
    assert (tmp_path / "b/etc/x.conf").read_bytes() == written
