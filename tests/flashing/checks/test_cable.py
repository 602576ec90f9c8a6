"""Facts about the checks of the board on its cable."""

import pytest

from thermedge.flashing.checks import cable


def test_the_right_board_on_a_good_port_passes(workstation):
    subject = workstation.subject()
    for check in (cable.recovery, cable.port, cable.power_saving, cable.tlp):
        assert check(subject) is None


def test_other_devices_are_not_looked_at(workstation):
    workstation.plug("1-2", "7c18", vendor="1d6b")
    workstation.plug("1-3", "b42c")  # NVIDIA's, but no module
    assert cable.recovery(workstation.subject()) is None


@pytest.mark.parametrize(
    ("product", "told"),
    [
        ("7035", "broke off"),
        ("7020", "runs its own Linux"),
        ("7045", "debug port"),
        ("7f99", "No board waits"),
    ],
)
def test_a_board_that_does_not_wait_is_told_why(workstation, product, told):
    workstation.unplug()
    workstation.plug("3-4", product)
    found = cable.recovery(workstation.subject())
    assert found.severity == "error"
    assert told in found.problem
    assert "recovery button" in found.remedy


def test_no_board_is_an_error(workstation):
    workstation.unplug()
    assert cable.recovery(workstation.subject()).problem == "No board waits to be flashed."


def test_another_board_is_named(workstation):
    workstation.unplug()
    workstation.plug("3-4", "7323")
    found = cable.recovery(workstation.subject())
    assert "0955:7323" in found.problem
    assert "orin-nx-16gb" in found.remedy


def test_of_two_boards_one_must_be_chosen(workstation):
    workstation.plug("3-5", "7523")
    found = cable.recovery(workstation.subject())
    assert "--usb-instance 3-4" in found.remedy
    assert cable.recovery(workstation.subject(usb_instance="3-5")) is None
    assert "3-9" in cable.recovery(workstation.subject(usb_instance="3-9")).problem


def test_a_board_whose_number_nobody_confirmed_is_taken_with_a_warning(workstation_with):
    workstation = workstation_with("32.7.6")
    workstation.unplug()
    workstation.plug("3-4", "7c18")
    found = cable.recovery(workstation.subject("tx2-nx"))
    assert found.severity == "warning"
    assert "0955:7c18" in found.problem


def test_a_hub_is_told(workstation):
    workstation.unplug()
    workstation.plug("3-4.2", "7523")
    found = cable.port(workstation.subject())
    assert found.severity == "warning"
    assert "hub" in found.problem


def test_a_slow_link_is_told(workstation):
    workstation.unplug()
    workstation.plug("3-4", "7523", speed="12")
    assert "12 Mbit/s" in cable.port(workstation.subject()).problem


def test_autosuspend_is_told(workstation):
    workstation.write("sys/module/usbcore/parameters/autosuspend", "2\n")
    found = cable.power_saving(workstation.subject())
    assert found.severity == "warning"
    assert "echo -1" in found.remedy


def test_little_memory_for_usb_is_told(workstation):
    workstation.write("sys/module/usbcore/parameters/usbfs_memory_mb", "4\n")
    assert "4 MiB" in cable.power_saving(workstation.subject()).problem


def test_tlp_is_told(workstation):
    workstation.answer("systemctl is-active --quiet tlp")
    assert cable.tlp(workstation.subject()).severity == "warning"
