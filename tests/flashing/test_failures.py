"""Facts about the texts of failing tools."""

import re
import runpy
from pathlib import Path

import pytest

from thermedge.flashing import failures

TEXTS = runpy.run_path(str(Path(__file__).with_name("fake_bsp.py")))["TEXTS"]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_people_met_is_recognised(name):
    assert failures.recognised(TEXTS[name]).name == name


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("[   7.2 ] Return value 3", "usb_write"),
        ("ECID read failed.", "not_in_recovery"),
        ("Timeout", "boot_timeout"),
        ("Error: No Board Spec for this module", "eeprom"),
        ("cp: cannot stat 'signed/*': No such file or directory", "signed_missing"),
        ("umount: target is busy.", "busy"),
    ],
)
def test_other_forms_are_recognised(line, name):
    assert failures.recognised(line).name == name


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Waiting for target to boot-up...",
        "Return value 30",
        "Flash is successful",
        "Timeout is set to 60",
        "copying signed/file.bin",
    ],
)
def test_what_tools_write_when_all_is_well_is_no_failure(line):
    assert failures.recognised(line) is None


def test_every_failure_is_tested_and_says_what_to_do():
    assert {one.name for one in failures.KNOWN} == set(TEXTS) | {"signed_missing"}
    for one in failures.KNOWN:
        re.compile(one.pattern)
        assert one.meaning.endswith(".")
        assert one.remedy.endswith(".")


def test_one_exit_status_tells_by_itself():
    assert failures.of_status(114).name == "nfs_missing"
    assert failures.of_status(1) is None
