"""What a USB camera tells of itself: one that has 16-bit grey pictures of one size, and no audio.

Source: USB 2.0 chapter 9; USB Device Class Definition for Video Devices 1.1 and its payload
document for uncompressed video; the Y16 format as in Linux' uvcvideo.
"""

import struct
from dataclasses import dataclass, replace

DEVICE, CONFIGURATION, STRING, QUALIFIER = 1, 2, 3, 6
ENDPOINT = 0x81  # bulk, to the host
PACKET = 512  # bytes, of a high-speed bulk endpoint
PAYLOAD = 32 * PACKET  # what uvcvideo asks for at once
Y16 = b"Y16 " + bytes.fromhex("0000 1000 8000 00aa 0038 9b71")

_INTERFACE, _ASSOCIATION, _CS_INTERFACE = 4, 11, 0x24
_VIDEO, _CONTROL, _STREAMING, _COLLECTION = 14, 1, 2, 3


@dataclass(frozen=True)
class Model:
    """One kind of camera."""

    vendor: int
    product: int
    names: tuple[str, str, str]  # maker, product, serial number
    size: tuple[int, int]  # px
    rate_hz: float

    @property
    def picture_bytes(self) -> int:
        """Of one picture."""
        return self.size[0] * self.size[1] * 2

    @property
    def interval(self) -> int:
        """From picture to picture, in units of 100 ns."""
        return round(1e7 / self.rate_hz)

    def with_serial(self, number: str) -> "Model":
        """Return another one of the same kind."""
        return replace(self, names=(*self.names[:2], number))

    def descriptor(self, kind: int, index: int) -> bytes | None:
        """Return a descriptor that the host asks for, None when there is none."""
        if kind == DEVICE:
            return self._device()
        if kind == CONFIGURATION:
            return self._configuration()
        if kind == STRING and index <= len(self.names):
            text = self.names[index - 1].encode("utf-16-le") if index else b"\x09\x04"
            return struct.pack("BB", len(text) + 2, STRING) + text
        return None

    def negotiated(self) -> bytes:
        """Return the stream that host and camera agree on: there is but one."""
        return struct.pack(
            "<HBBIHHHHHII", 1, 1, 1, self.interval, 0, 0, 0, 0, 0, self.picture_bytes, PAYLOAD
        )

    def _device(self) -> bytes:
        of_interfaces = (0xEF, 2, 1)
        ids = (self.vendor, self.product, 0x0100)
        return _packed(DEVICE, "HBBBBHHHBBBB", 0x0200, *of_interfaces, 64, *ids, 1, 2, 3, 1)

    def _configuration(self) -> bytes:
        body = b"".join(
            [
                _packed(_ASSOCIATION, "BBBBBB", 0, 2, _VIDEO, _COLLECTION, 0, 2),
                _packed(_INTERFACE, "BBBBBBB", 0, 0, 0, _VIDEO, _CONTROL, 0, 2),
                self._control(),
                _packed(_INTERFACE, "BBBBBBB", 1, 0, 1, _VIDEO, _STREAMING, 0, 0),
                self._streaming(),
                _packed(5, "BBHB", ENDPOINT, 2, PACKET, 0),
            ]
        )
        return _packed(CONFIGURATION, "HBBBBB", len(body) + 9, 2, 1, 0, 0x80, 250) + body

    def _control(self) -> bytes:
        sensor, host = 1, 2  # a terminal for each end
        terminals = b"".join(
            [
                _packed(_CS_INTERFACE, "BBHBBHHHB3x", 2, sensor, 0x0201, 0, 0, 0, 0, 0, 3),
                _packed(_CS_INTERFACE, "BBHBBB", 3, host, 0x0101, 0, sensor, 0),
            ]
        )
        header = _packed(_CS_INTERFACE, "BHHIBB", 1, 0x0100, len(terminals) + 13, 48_000_000, 1, 1)
        return header + terminals

    def _streaming(self) -> bytes:
        form = _packed(_CS_INTERFACE, "BBB16sBBBBBB", 4, 1, 1, Y16, 16, 1, 0, 0, 0, 0)
        width, height = self.size
        bits = round(self.picture_bytes * 8 * self.rate_hz)
        frame = _packed(
            *(_CS_INTERFACE, "BBBHHIIIIBI", 5, 1, 0, width, height, bits, bits),
            *(self.picture_bytes, self.interval, 1, self.interval),
        )
        length = 14 + len(form) + len(frame)
        header = _packed(_CS_INTERFACE, "BBHBBBBBBBB", 1, 1, length, ENDPOINT, 0, 2, 0, 0, 0, 1, 0)
        return header + form + frame


def _packed(kind: int, layout: str, *values: int | bytes) -> bytes:
    """Return a descriptor: its length, its kind, its fields."""
    body = struct.pack(f"<{layout}", *values)
    return struct.pack("BB", len(body) + 2, kind) + body
