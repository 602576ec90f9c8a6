"""Facts about NVIDIA's boards on USB."""

import pytest

from thermedge import board_configs
from thermedge.flashing import usb


def test_a_board_is_found_with_its_port_and_speed(workstation):
    (found,) = usb.devices(workstation.machine)
    assert found == usb.UsbDevice("0955:7523", "3-4", "4", 480.0)


def test_devices_of_others_are_left_out(workstation):
    workstation.plug("1-1", "7523", vendor="1d6b")
    assert len(usb.devices(workstation.machine)) == 1


def test_a_device_that_vanishes_while_it_is_read_is_no_error(workstation):
    (workstation.root / "sys/bus/usb/devices/3-4/speed").unlink()
    (found,) = usb.devices(workstation.machine)
    assert found.speed_mbps is None


def test_without_usb_there_is_no_device(workstation):
    workstation.unplug()
    assert usb.devices(workstation.machine) == []


def device(identity, devpath="4"):
    return usb.UsbDevice(identity, f"3-{devpath}", devpath, 480.0)


@pytest.mark.parametrize("board", board_configs.names())
def test_every_recovery_number_of_our_boards_is_known_as_one(board):
    for identity in board_configs.read(board).usb.recovery_ids:
        assert device(identity).is_in_recovery


@pytest.mark.parametrize("identity", [usb.INTERRUPTED, usb.RUNNING, usb.DEBUG_PORT, "0955:b42c"])
def test_other_numbers_are_not(identity):
    assert not device(identity).is_in_recovery


def test_a_dot_in_the_path_is_a_hub():
    assert device("0955:7523", "4.2").is_behind_hub
    assert not device("0955:7523", "14").is_behind_hub
