"""Buffers that a driver fills and we empty."""

from __future__ import annotations

import ctypes
import errno
from dataclasses import dataclass
from typing import Any

from thermedge.runtime.sources.capture.device import Device

NUM_BUFFERS = 4  # one in our hands, one being filled, two for a late scheduler


@dataclass(slots=True)
class Filled:
    """What the driver says of one filled buffer."""

    index: int
    sequence: int  # 32 bits, wraps
    stamp_ns: int  # on the clock that `is_monotonic` tells of
    is_monotonic: bool
    is_damaged: bool  # the driver knows of lost or wrong bytes in it
    num_bytes: int


class Stream:
    """Maps a device's buffers and takes them in turn. Every method raises OSError.

    Making one takes the camera (EBUSY when somebody else has it); `start` begins to stream.
    """

    def __init__(self, device: Device) -> None:
        self._device, self._raw = device, device.raw
        self.memories: list[Any] = []
        flags = self._raw.BufferFlag
        self._error = int(flags.ERROR)
        self._clock, self._monotonic = int(flags.TIMESTAMP_MASK), int(flags.TIMESTAMP_MONOTONIC)
        self._requests = {name: int(self._raw.IOC[name]) for name in ("DQBUF", "QBUF")}
        self._buffer = self._empty(0)
        self._type = int(self._raw.BufType.VIDEO_CAPTURE)
        self._memory = int(self._raw.Memory.MMAP)
        self._map(self._request(NUM_BUFFERS))

    def start(self) -> None:
        """Hand all buffers to the driver and let it stream."""
        for index in range(len(self.memories)):
            self.give_back(index)
        self._device.ioctl(self._raw.IOC.STREAMON, self._kind())

    def stop(self) -> None:
        """Stop the driver; all buffers are ours again."""
        self._device.ioctl(self._raw.IOC.STREAMOFF, self._kind())

    def take(self) -> Filled | None:
        """Return the oldest filled buffer, None when there is none."""
        buffer = self._buffer
        buffer.type, buffer.memory = self._type, self._memory
        try:
            self._device.ioctl(self._requests["DQBUF"], buffer)
        except BlockingIOError:  # EAGAIN
            return None
        flags = buffer.flags
        stamp = buffer.timestamp
        return Filled(
            buffer.index,
            buffer.sequence,
            stamp.secs * 1_000_000_000 + stamp.usecs * 1_000,
            flags & self._clock == self._monotonic,
            bool(flags & self._error),
            buffer.bytesused,
        )

    def give_back(self, index: int) -> None:
        """Let the driver fill a buffer again."""
        buffer = self._buffer
        buffer.index, buffer.type, buffer.memory = index, self._type, self._memory
        buffer.flags = 0
        self._device.ioctl(self._requests["QBUF"], buffer)

    def close(self) -> None:
        """Give the camera free, also one that is gone; nobody may look into its memory now.

        A mapping left behind would keep a dead node alive, and the camera would come back
        under another number.
        """
        for undo in (self.stop, self._release):
            try:
                undo()
            except OSError:  # the device is gone, and took its buffers along
                continue

    def _release(self) -> None:
        memories, self.memories = self.memories, []
        for memory in memories:
            self._device.kernel.unmap(memory)
        self._request(0)

    def _request(self, count: int) -> int:
        asked = self._raw.v4l2_requestbuffers(
            count=count, type=self._raw.BufType.VIDEO_CAPTURE, memory=self._raw.Memory.MMAP
        )
        granted: int = self._device.ioctl(self._raw.IOC.REQBUFS, asked).count
        if count and not granted:
            raise OSError(errno.ENOMEM, "the driver grants no buffer")
        return granted

    def _map(self, count: int) -> None:
        try:
            for index in range(count):
                told = self._device.ioctl(self._raw.IOC.QUERYBUF, self._empty(index))
                memory = self._device.kernel.map(self._device.fd, told.length, told.m.offset)
                self.memories.append(memory)
        except OSError:
            self.close()
            raise

    def _empty(self, index: int) -> Any:
        return self._raw.v4l2_buffer(
            index=index, type=self._raw.BufType.VIDEO_CAPTURE, memory=self._raw.Memory.MMAP
        )

    def _kind(self) -> Any:
        return ctypes.c_int(int(self._raw.BufType.VIDEO_CAPTURE))
