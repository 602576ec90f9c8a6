"""Facts about the texts that name a camera."""

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture.address import Address, parse


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("v4l2:auto", Address("auto", "")),
        ("v4l2:/dev/video0", Address("path", "/dev/video0")),
        ("v4l2:///dev/video0", Address("path", "/dev/video0")),
        ("V4L2:/dev/thermal0", Address("path", "/dev/thermal0")),
        ("v4l2:serial=A%201", Address("serial", "A 1")),
        ("v4l2:by-id/usb-FLIR-index0", Address("path", "/dev/v4l/by-id/usb-FLIR-index0")),
        ("v4l2:by-path/pci-0:1:1.0", Address("path", "/dev/v4l/by-path/pci-0:1:1.0")),
        (
            "v4l2:auto?format=y16_be&size=640x512&rate=8.7&profile=boson&shift=2&wait=30&stall=1",
            Address("auto", "", "Y16_BE", (640, 512), 8.7, "boson", 2, 30, 1),
        ),
    ],
)
def test_an_address_says_which_camera_and_how(uri: str, address: Address) -> None:
    assert parse(uri) == address


def test_a_camera_is_waited_for_for_ever_unless_told_otherwise() -> None:
    assert parse("v4l2:auto").wait_s == math.inf


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("v4l2:", "names no camera"),
        ("v4l2:video0", "names no camera"),
        ("v4l2:/", "names no camera"),
        ("v4l2:serial=", "names no camera"),
        ("v4l2:by-id/", "names no camera"),
        ("v4l2:by-id/../../etc", "names no camera"),
        ("v4l2:auto?", "expected NAME=VALUE"),
        ("v4l2:auto?speed=9", "no option 'speed'; it knows format, size"),
        ("v4l2:auto?size=640", "size='640' is not WIDTHxHEIGHT"),
        ("v4l2:auto?size=0x0", "size='0x0'"),
        ("v4l2:auto?rate=0", "rate='0' is not"),
        ("v4l2:auto?rate=nan", "rate='nan' is not"),
        ("v4l2:auto?wait=inf", "wait='inf' is not"),
        ("v4l2:auto?shift=9", "shift='9' is not"),
        ("v4l2:auto?format=", "format='' is not"),
        ("v4l2:auto?rate=9&rate=9", "'rate' comes twice"),
    ],
)
def test_a_wrong_address_is_one_clear_error(uri: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(uri)
    assert problem in caught.value.problem
    assert "v4l2:auto" in caught.value.remedy


@settings(max_examples=40)
@given(st.text())
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(SourceError):
        assert parse("v4l2:" + text).how
