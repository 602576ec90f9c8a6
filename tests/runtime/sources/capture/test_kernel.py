"""Facts about the real calls, on a pipe where there is no camera."""

import errno
import os
import threading
import time

import numpy as np
import pytest

from thermedge.runtime.sources.capture.kernel import Linux


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def wake():
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    yield fd
    os.close(fd)


def test_waiting_ends_in_time(pipe, wake) -> None:
    assert not Linux().wait(pipe[0], wake, 0.01)
    assert not Linux().wait(None, wake, 0.01)


def test_waiting_ends_with_data(pipe, wake) -> None:
    os.write(pipe[1], b"x")
    assert Linux().wait(pipe[0], wake, 60)


def test_waiting_ends_when_another_thread_calls(pipe, wake) -> None:
    timer = threading.Timer(0.05, os.eventfd_write, (wake, 1))
    timer.start()
    began = time.monotonic()
    assert not Linux().wait(pipe[0], wake, 60)
    assert time.monotonic() - began < 30
    timer.join()


def test_an_ioctl_that_a_file_does_not_know_is_refused(tmp_path) -> None:
    path = tmp_path / "file"
    path.touch()
    fd = Linux().open(str(path))
    with pytest.raises(OSError, match=os.strerror(errno.ENOTTY)):
        Linux().ioctl(fd, -2140645888, bytearray(104))  # QUERYCAP
    Linux().close(fd)


def test_memory_that_somebody_still_looks_into_can_be_given_back(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(4096))
    fd = Linux().open(str(path))
    memory = Linux().map(fd, 4096, 0)
    view = np.frombuffer(memory, np.uint8)
    Linux().unmap(memory)
    assert view[0] == 0
    del view
    Linux().unmap(memory)
    assert memory.closed
    Linux().close(fd)


def test_time_runs_on_the_clock_of_the_drivers() -> None:
    assert abs(Linux().now_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) < 10**10
