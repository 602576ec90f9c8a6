"""NVIDIA's boards on USB, found in sysfs."""

from __future__ import annotations

from dataclasses import dataclass

from thermedge.flashing.machine import Machine

VENDOR = "0955"
# Products that are no module in recovery. Source: OE4T/meta-tegra find-jetson-usb.sh;
# README_initrd_flash.txt of NVIDIA's BSP R35.3.1.
INTERRUPTED = "0955:7035"
RUNNING = "0955:7020"
DEBUG_PORT = "0955:7045"
# Some of NVIDIA's other USB products, Shield remotes for one, share the vendor's number.
# Modules in recovery end in these: T210 7f21, T186 7x18, T194 7x19, T234 7x23, T264 7x26.
_RECOVERY_ENDINGS = ("21", "18", "19", "23", "26")


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One device of NVIDIA's."""

    id: str  # "0955:7523"
    instance: str  # "3-14": what flash.sh calls --usb-instance
    devpath: str  # "14", or "14.2" behind a hub
    speed_mbps: float | None

    @property
    def is_in_recovery(self) -> bool:
        """Whether the number is one of a module that waits to be flashed."""
        product = self.id.partition(":")[2]
        return product.startswith("7") and product.endswith(_RECOVERY_ENDINGS)

    @property
    def is_behind_hub(self) -> bool:
        """Whether a hub lies between it and the host's port."""
        return "." in self.devpath


def devices(machine: Machine) -> list[UsbDevice]:
    """Return all USB devices of NVIDIA's, by port."""
    found = []
    for vendor in machine.listed("sys/bus/usb/devices/*/idVendor"):
        folder = vendor.parent.relative_to(machine.root).as_posix()

        def read(name: str, folder: str = folder) -> str:
            return (machine.text(f"{folder}/{name}") or "").strip()

        if read("idVendor") == VENDOR:
            bus, devpath, speed = read("busnum"), read("devpath"), read("speed")
            found.append(
                UsbDevice(
                    id=f"{VENDOR}:{read('idProduct')}",
                    instance=f"{bus}-{devpath}",
                    devpath=devpath,
                    speed_mbps=float(speed) if speed.replace(".", "", 1).isdigit() else None,
                )
            )
    return found
