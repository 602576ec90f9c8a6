"""Facts about the list of checks."""

import dataclasses

import pytest

from thermedge.flashing import preflight
from thermedge.flashing.preflight import Result


def test_there_are_25_checks_and_each_has_its_number():
    numbers = [check.number for check in preflight.FIRST + preflight.THEN]
    assert numbers == list(range(1, 26))


def all_results(workstation, **options):
    subject = workstation.subject(**options)
    return [*preflight.before_plan(subject), *preflight.of_plan(subject)]


def test_on_a_good_workstation_nothing_is_found(workstation):
    results = all_results(workstation)
    assert {result.status for result in results} == {"ok", "skipped"}
    assert [result.number for result in results if result.status == "skipped"] == [23]
    assert not preflight.has_errors(results)


def test_the_eeprom_is_read_when_asked_for(workstation):
    workstation.answer("env --chdir", out="jetson-agx-orin-devkit found.\n")
    results = preflight.of_plan(workstation.subject(), reads_eeprom=True)
    assert [one.number for one in results if one.status == "error"] == [23]


def test_flash_sh_needs_no_network(workstation):
    skipped = [
        one.number for one in all_results(workstation, storage="sd") if one.status == "skipped"
    ]
    assert skipped == [11, 12, 13, 14, 15, 23]


def test_an_image_needs_no_board(workstation):
    workstation.unplug()
    results = all_results(workstation, is_image_only=True)
    assert not preflight.has_errors(results)
    assert {16, 17, 18, 19, 25} <= {one.number for one in results if one.status == "skipped"}


def test_without_a_step_that_runs_arm64_none_need_run(workstation):
    (workstation.root / "usr/bin/qemu-aarch64-static").unlink()
    steps = ("overlay", "flash")
    results = preflight.of_plan(workstation.subject(steps=steps))
    assert next(one for one in results if one.number == 10).status == "skipped"
    assert next(one for one in results if one.number == 8).status == "error"


def test_a_step_before_the_flash_needs_neither_board_nor_room(workstation):
    workstation.unplug()
    workstation.answer("df -B1", status=1)
    results = preflight.of_plan(workstation.subject(steps=("overlay",), login=None))
    assert not preflight.has_errors(results)


def test_all_that_is_wrong_is_told_at_once(workstation):
    workstation.unplug()
    workstation.environ["TMPDIR"] = "/x"
    results = all_results(workstation)
    assert [one.number for one in results if one.status == "error"] == [16, 20]


@pytest.mark.parametrize(("number", "status"), [(16, "warning"), (25, "error")])
def test_an_error_can_be_made_a_warning_but_consent_cannot(number, status):
    results = [Result(number, "x", "error", "p", "r")]
    assert preflight.ignoring(results, [number])[0].status == status
    assert preflight.ignoring(results, [3]) == results


def test_a_result_can_be_written_as_json():
    assert dataclasses.asdict(Result(1, "x", "ok"))["problem"] == ""
