"""Facts about our use of cuda-python, run for real against a driver whose GPU is host memory."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from thermedge.errors import BackendError

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or importlib.util.find_spec("cuda") is None,
    reason="needs a C compiler and cuda-python",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuda")
    source = Path(__file__).with_name("fake_libcuda.c")
    command = ["cc", "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", str(source)]
    subprocess.run([*command, "-ldl", "-o", str(folder / "libcuda.so.1")], check=True, timeout=60)
    return folder


START = """
import ctypes, sys, threading
import numpy as np
from thermedge.errors import BackendError
from thermedge.runtime.backends.device_memory import open_device
live = ctypes.CDLL("libcuda.so.1").fakeLive
"""


@pytest.fixture
def run(library):
    """Return a function that runs code in a process that finds the driver; gives its stdout."""

    def in_process(code, fault=""):
        # The driver is looked for when the process starts.
        env = {**os.environ, "LD_LIBRARY_PATH": str(library), "FAKE_CUDA": fault}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", START + code],
            capture_output=True,
            text=True,
            env=env,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return in_process


def test_the_device_tells_what_it_is(run):
    told = run(
        "d = open_device()\n"
        "print(type(d).__name__, d.name, d.compute_capability, d.driver, d.memory_mib(), d.stream)"
    )
    assert told == "CudaDevice Orin 8.7 12.6 (3072, 8192) 32"


ROUND_TRIP = """
d = open_device()
sent, back = d.host((2, 3), "float32"), d.host((2, 3), "float32")
assert not sent.any() and sent.dtype == np.float32
address = d.allocate(sent.nbytes)
"""


def test_what_is_sent_up_comes_back_down_in_order(run):
    code = """
sent[...] = 7
d.upload(address, sent)
d.download(back, address)
assert not back.any(), "nothing is copied before it is waited for"
d.synchronize()
print(back.tolist())
"""
    assert run(ROUND_TRIP + code) == "[[7.0, 7.0, 7.0], [7.0, 7.0, 7.0]]"


def test_recorded_work_is_done_again_with_new_content(run):
    code = """
def work():
    d.upload(address, sent)
    d.download(back, address)
launch = d.recorded(work)
for value in (3, 4):
    sent[...] = value
    launch()
    d.synchronize()
    print(back[0, 0], end=" ")
"""
    assert run(ROUND_TRIP + code) == "3.0 4.0"


def test_work_that_can_t_be_recorded_is_told_apart(run):
    code = "print(d.recorded(lambda: d.upload(address, sent)), end=' ')\nd.synchronize()\n"
    assert run(ROUND_TRIP + code, "graph") == "None"


def test_work_that_waits_while_it_is_recorded_is_told_apart(run):
    assert run(ROUND_TRIP + "print(d.recorded(d.synchronize))\nd.synchronize()\n") == "None"


def test_closing_gives_all_back(run):
    code = "print(live(), end=' ')\nd.close()\nd.close()\nprint(live())"
    assert run(ROUND_TRIP + code) == "1003 0"


def test_another_thread_may_use_the_device(run):
    code = """
def work():
    d.activate()
    sent[...] = 1
    d.upload(address, sent)
    d.synchronize()
    print("done")
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert run(ROUND_TRIP + code) == "done"


FAIL = """
try:
    d = open_device()
    d.allocate(1 << 20)
except BackendError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("fault", "problem", "remedy"),
    [
        ("none", "CUDA does not start on this machine: the driver finds no GPU", "--backend ort"),
        (
            "old",
            "CUDA does not start on this machine: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            "JetPack",
        ),
        ("full", "no memory left: cuMemAlloc", "tegrastats"),
    ],
)
def test_what_the_driver_refuses_is_told_with_what_to_do(run, fault, problem, remedy):
    told = run(FAIL, fault)
    assert problem in told
    assert remedy in told


def test_a_machine_without_a_driver_is_told_so():
    from thermedge.runtime.backends import device_cuda

    if Path("/proc/driver/nvidia").exists() or Path("/dev/nvhost-gpu").exists():
        pytest.skip("this machine has a driver")
    with pytest.raises(BackendError, match="CUDA does not start on this machine") as caught:
        device_cuda.open_first()
    assert "--backend ort" in caught.value.remedy
