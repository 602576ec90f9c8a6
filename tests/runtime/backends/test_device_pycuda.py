"""Facts about our use of pycuda: only the names and arguments of its own source are there."""

from types import SimpleNamespace

import numpy as np
import pytest

from thermedge.errors import BackendError
from thermedge.runtime.backends import device_pycuda


class Refused(Exception):
    pass


class Full(Refused):
    pass


class Driver:
    """The part of pycuda.driver 2024.1.2 that is used, on host memory."""

    Error, MemoryError = Refused, Full

    def __init__(self, *, devices=1, is_full=False):
        self.stack, self.freed, self.waiting, self.is_full = [], [], [], is_full
        context = SimpleNamespace(push=lambda: self.stack.append(1), detach=lambda: None)
        device = SimpleNamespace(
            name=lambda: "Xavier",
            compute_capability=lambda: (7, 2),
            retain_primary_context=lambda: context,
        )
        count = SimpleNamespace(count=lambda: devices)
        self.Device = type("Device", (), {"count": count.count, "__new__": lambda cls, n: device})
        self.Context = SimpleNamespace(
            get_current=lambda: context if self.stack else None, pop=self.stack.pop
        )

    def init(self):
        pass

    def get_driver_version(self):
        return 11040

    def mem_get_info(self):
        return 1 << 30, 2 << 30

    def Stream(self):  # noqa: N802
        return SimpleNamespace(handle=5, synchronize=self.wait)

    def wait(self):
        while self.waiting:
            self.waiting.pop(0)()

    def pagelocked_empty(self, shape, dtype):
        return np.full(shape, 9, dtype)

    def mem_alloc(self, size):
        if self.is_full:
            raise Full("cuMemAlloc failed: out of memory")
        driver, block = self, np.zeros(size, np.uint8)

        class Allocation:
            array = block

            def __int__(self):
                return int(block.ctypes.data)

            def free(self):
                driver.freed.append(block)

        self.block = block
        return Allocation()

    def memcpy_htod_async(self, address, array, stream):
        raw = array.reshape(-1).view(np.uint8)
        self.waiting.append(lambda: np.copyto(self.block, raw))

    def memcpy_dtoh_async(self, array, address, stream):
        raw = array.reshape(-1).view(np.uint8)
        self.waiting.append(lambda: np.copyto(raw, self.block))


@pytest.fixture
def opened(monkeypatch):
    def open_with(**kinds):
        driver = Driver(**kinds)
        monkeypatch.setattr(device_pycuda, "require", lambda package, purpose: driver)
        return device_pycuda.open_first(), driver

    return open_with


def test_the_device_tells_what_it_is(opened):
    device, _ = opened()
    told = (device.name, device.compute_capability, device.driver, device.stream)
    assert told == ("Xavier", "7.2", "11.4", 5)
    assert device.memory_mib() == (1024, 2048)


def test_what_is_sent_up_comes_back_down(opened):
    device, _ = opened()
    sent, back = device.host((2, 2), "float32"), device.host((2, 2), "float32")
    assert not sent.any()
    address = device.allocate(sent.nbytes)
    sent[...] = 3
    device.upload(address, sent)
    device.download(back, address)
    device.synchronize()
    assert back.tolist() == sent.tolist()


def test_nothing_is_recorded(opened):
    device, _ = opened()
    assert device.recorded(lambda: None) is None


def test_closing_frees_the_memory_and_leaves_no_context_behind(opened):
    device, driver = opened()
    device.allocate(16)
    device.close()
    device.close()
    assert len(driver.freed) == 1
    assert not driver.stack


def test_a_full_memory_is_told_with_what_to_do(opened):
    device, _ = opened(is_full=True)
    with pytest.raises(BackendError, match="no memory left") as caught:
        device.allocate(16)
    assert "tegrastats" in caught.value.remedy


def test_a_machine_without_a_gpu_is_told_so(opened):
    with pytest.raises(BackendError, match="finds no GPU"):
        opened(devices=0)
