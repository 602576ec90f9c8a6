"""A USB camera made of software: the guest's own uvcvideo finds it, drives it, and loses it.

The kernel's vhci_hcd is a USB controller whose cables end in a socket. At the other end of this
one sits a camera that answers as its descriptors say and streams pictures in bulk transfers.
Closing the socket is pulling the plug.

Source: "USB/IP protocol" in the kernel's documentation, and the video class as in
`usb_descriptors`.
"""

import errno
import select
import socket
import struct
import time
from collections import deque
from pathlib import Path

from feeding import Feeding, Picture
from usb_descriptors import ENDPOINT, PAYLOAD, Model

CONTROLLER = Path("/sys/devices/platform/vhci_hcd.0")
HIGH_SPEED = 3
_FREE = "004"  # in the controller's list of ports

# USB/IP: five words of every message, then eight that depend on it; big-endian.
_BASIC, _SUBMIT, _ANSWER, _UNLINK = ">IIIII", ">IiIiI8s", ">iiiii8x", ">I24x"
_CMD_SUBMIT, _CMD_UNLINK, _RET_SUBMIT, _RET_UNLINK = 1, 2, 3, 4
_MESSAGE = 48
# The requests of the host that matter, by bmRequestType and bRequest.
_GET_STATUS, _GET_DESCRIPTOR = (0x80, 0), (0x80, 6)
_SET_CONFIGURATION, _SET_INTERFACE = (0x00, 9), (0x01, 11)
_CLEAR_HALT, _VIDEO_SET = (0x02, 1), (0x21, 1)
_VIDEO_CUR, _VIDEO_LEN, _VIDEO_INFO = 0x81, 0x85, 0x86
_VIDEO_GET = (0x81, 0x82, 0x83, 0x87)
_PROBE, _COMMIT = 1, 2
_END, _DAMAGED = 0x02, 0x40  # bits of a payload's header

# Added to a mode, for once.
STANDS_STILL = 1 << 8  # the firmware hangs until the stream is started anew
DAMAGES_ONE = 1 << 9  # the next picture is sent with the error bit


class UsbCamera(Feeding):
    """Plugged into a port of the controller until it is stopped.

    Args:
        model: What it says it is.
        picture: Makes the counts, with telemetry rows if the model has them.
        port: Of the controller, 0 to 7.
    """

    def __init__(self, model: Model, picture: Picture, *, port: int = 0) -> None:
        self._port = port
        super().__init__(model, picture)

    def stop(self) -> None:
        """Pull the plug, and wait until the kernel has let the device go."""
        super().stop()
        device = CONTROLLER / f"usb1/1-{self._port + 1}"
        until = time.monotonic() + 10
        while device.exists() or not self._is_port_free():
            if time.monotonic() > until:
                raise TimeoutError(f"port {self._port} is still in use")
            time.sleep(0.02)

    def _is_port_free(self) -> bool:
        ports = [line.split() for line in (CONTROLLER / "status").read_text().splitlines()[1:]]
        (state,) = [state for hub, at, state, *_ in ports if (hub, int(at)) == ("hs", self._port)]
        return state == _FREE

    def _work(self, model: Model, picture: Picture) -> None:
        ours, theirs = socket.socketpair()
        plug = (self._port, theirs.fileno(), self._port + 1, HIGH_SPEED)
        (CONTROLLER / "attach").write_text(" ".join(map(str, plug)))
        theirs.close()
        self._is_ready.set()
        self._answer(ours, _Camera(model), picture)
        ours.close()

    def _answer(self, wire: socket.socket, camera: "_Camera", picture: Picture) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            readable, _, _ = select.select([wire], [], [], max(min(due - time.monotonic(), 0.1), 0))
            if readable and not camera.hear(wire):
                return
            if time.monotonic() >= due:
                due = max(due + 1 / camera.model.rate_hz, time.monotonic() - 1)
                self._take(camera, picture)
            camera.send(wire)

    def _take(self, camera: "_Camera", picture: Picture) -> None:
        """Take a picture; what nobody has fetched by the next one is gone."""
        mode = self.mode
        self.mode = mode & ~(STANDS_STILL | DAMAGES_ONE)
        if mode & STANDS_STILL:
            camera.hang()
        camera.damages_next |= bool(mode & DAMAGES_ONE)
        camera.show(self._next_picture(picture).astype("<u2").tobytes())


class _Camera:
    """The device's side of the wire."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.damages_next = self._streams = self._hangs = False
        self._toggle = 0
        self._wanted: deque[tuple[int, int]] = deque()  # (number, bytes) of bulk transfers
        self._payloads: deque[bytes] = deque()

    def hang(self) -> None:
        """Send nothing more until the host starts the stream anew."""
        self._hangs = True
        self._payloads.clear()

    def show(self, data: bytes) -> None:
        """Put a picture out, if somebody looks and has taken the last one."""
        if not self._streams or self._hangs or self._payloads:
            return
        self._toggle ^= 1
        damage = _DAMAGED if self.damages_next else 0
        self.damages_next = False
        size = PAYLOAD - 2
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        for number, part in enumerate(parts, 1):
            flags = 0x80 | self._toggle | damage
            flags |= _END if number == len(parts) else 0
            self._payloads.append(bytes((2, flags)) + part)

    def hear(self, wire: socket.socket) -> bool:
        """Take one message of the host; False when it hung up."""
        message = _read(wire, _MESSAGE)
        if len(message) < _MESSAGE:
            return False
        command, number, _, is_in, endpoint = struct.unpack_from(_BASIC, message)
        if command == _CMD_UNLINK:
            (unlinked,) = struct.unpack_from(_UNLINK, message, 20)
            found = [wanted for wanted in self._wanted if wanted[0] == unlinked]
            for wanted in found:
                self._wanted.remove(wanted)
            status = -errno.ECONNRESET if found else 0
            wire.sendall(struct.pack(">IIIIIi24x", _RET_UNLINK, number, 0, 0, 0, status))
            return True
        _, length, _, _, _, setup = struct.unpack_from(_SUBMIT, message, 20)
        sent = b"" if is_in else _read(wire, length)
        if endpoint == ENDPOINT & 0x7F:
            self._wanted.append((number, length))
        else:
            self._control(wire, number, setup, sent)
        return True

    def send(self, wire: socket.socket) -> None:
        """Fill the transfers that wait with the payloads that wait."""
        while self._wanted and self._payloads:
            number, length = self._wanted.popleft()
            payload = self._payloads.popleft()
            assert len(payload) <= length
            _reply(wire, number, payload)

    def _control(self, wire: socket.socket, number: int, setup: bytes, sent: bytes) -> None:
        kind, request, value, index, length = struct.unpack("<BBHHH", setup)
        asked = (kind, request)
        if asked == _GET_DESCRIPTOR:
            told = self.model.descriptor(value >> 8, value & 0xFF)
        elif asked == _GET_STATUS:  # after a suspend the host asks whether we are still there
            told = b"\0\0"
        elif asked == _CLEAR_HALT:
            self._streams, told = False, b""
            self._payloads.clear()
        elif asked in (_SET_CONFIGURATION, _SET_INTERFACE):
            told = b""
        elif index == 1 and value >> 8 in (_PROBE, _COMMIT):
            told = self._negotiate(kind, request, value >> 8)
        else:
            told = None
        if told is None:
            _reply(wire, number, b"", status=-errno.EPIPE)
        else:
            _reply(wire, number, told[:length], done=len(sent))

    def _negotiate(self, kind: int, request: int, selector: int) -> bytes | None:
        if (kind, request) == _VIDEO_SET:
            if selector == _COMMIT:
                self._streams, self._hangs = True, False
            return b""
        if request in _VIDEO_GET:
            return self.model.negotiated()
        return {_VIDEO_LEN: b"\x1a\x00", _VIDEO_INFO: b"\x03"}.get(request)


def _reply(
    wire: socket.socket, number: int, data: bytes, *, status: int = 0, done: int = 0
) -> None:
    head = struct.pack(_BASIC, _RET_SUBMIT, number, 0, 0, 0)
    wire.sendall(head + struct.pack(_ANSWER, status, len(data) or done, 0, 0, 0) + data)


def _read(wire: socket.socket, length: int) -> bytes:
    """Return `length` bytes, fewer at the end."""
    data = b""
    while len(data) < length and (part := wire.recv(length - len(data))):
        data += part
    return data
