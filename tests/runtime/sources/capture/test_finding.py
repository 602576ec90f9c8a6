"""Facts about finding the camera that is meant, now and later."""

import errno
import os

import pytest

from thermedge.errors import SourceError
from thermedge.runtime.sources.capture import finding
from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.device import Device, Identity
from thermedge.runtime.sources.capture.nodes import Node, nodes
from thermedge.runtime.sources.capture.scripted import ScriptedCamera

META, MPLANE = 0x00800000, 0x00001000


class Machine:
    """Several scripted cameras at once: opens each at its own path."""

    def __init__(self, *cameras):
        self.cameras = cameras
        self.opened = []

    def open(self, path):
        for camera in self.cameras:
            if camera.path == path:
                self.opened.append((camera, camera.open(path)))
                return len(self.opened) - 1
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def close(self, fd):
        camera, own = self.opened[fd]
        camera.close(own)

    def ioctl(self, fd, request, argument):
        camera, own = self.opened[fd]
        camera.ioctl(own, request, argument)


@pytest.fixture
def camera(plug):
    def make(number=0, *, port=None, usb=None, serial=None, index=0, links=(), **settings):
        path = plug(
            number,
            port=port or f"1-{number}",
            usb=usb,
            serial=serial,
            index=index,
            links=links,
        )
        return ScriptedCamera((), path=path, **settings)

    return make


def found(uri, roots, *cameras):
    return finding.find(parse(uri), Machine(*cameras), roots).path


def refused(uri, roots, *cameras):
    with pytest.raises(SourceError) as caught:
        found(uri, roots, *cameras)
    return caught.value


def test_auto_means_the_only_thermal_camera(camera, roots) -> None:
    webcam, boson = camera(0), camera(1, usb="09cb:4007")
    assert found("v4l2:auto", roots, webcam, boson) == boson.path


def test_auto_among_several_is_an_error_that_lists_them(camera, roots) -> None:
    links = ("by-id/usb-Boson",)
    boson, lepton = camera(0, usb="09cb:4007", links=links), camera(1, usb="1e4e:0100")
    error = refused("v4l2:auto", roots, boson, lepton)
    assert "2 thermal cameras" in error.problem
    assert "Boson" in error.problem
    assert "Lepton" in error.problem
    assert "v4l2:by-id/usb-Boson" in error.remedy


def test_auto_without_a_known_family_lists_what_there_is(camera, roots) -> None:
    webcam = camera(0)
    error = refused("v4l2:auto", roots, webcam)
    assert webcam.path in error.problem
    assert webcam.path in error.remedy


def test_auto_without_any_camera_says_so(roots) -> None:
    assert "no camera at all" in refused("v4l2:auto", roots).problem


@pytest.mark.parametrize("uri", ["v4l2:auto", "v4l2:serial=A"])
def test_a_camera_that_may_not_be_opened_is_no_missing_camera(camera, roots, uri) -> None:
    camera(0)
    error = refused(uri, roots)  # the machine's kernel denies what it does not know
    assert "may not be opened" in error.problem
    assert "group `video`" in error.remedy


def test_a_serial_number_means_one_camera(camera, roots) -> None:
    one = camera(0, usb="1e4e:0100", serial="A")
    two = camera(1, usb="1e4e:0100", serial="B")
    assert found("v4l2:serial=B", roots, one, two) == two.path


def test_an_unknown_serial_number_lists_those_present(camera, roots) -> None:
    one = camera(0, usb="1e4e:0100", serial="A")
    assert "serial A" in refused("v4l2:serial=X", roots, one).problem


def test_clones_that_share_a_serial_number_are_told_apart_by_port(camera, roots) -> None:
    clones = [
        camera(n, usb="0bda:5830", serial="0001", links=(f"by-path/port{n}",)) for n in (0, 1)
    ]
    error = refused("v4l2:serial=0001", roots, *clones)
    assert "port0, port1" in error.problem
    assert "by-path" in error.remedy


def test_links_lead_to_their_camera(camera, roots) -> None:
    one = camera(3, links=("by-id/me", "by-path/here"))
    assert found("v4l2:by-id/me", roots, one) == one.path
    assert found("v4l2:by-path/here", roots, one) == one.path
    assert found("v4l2:/dev/video3", roots, one) == one.path


def test_a_path_that_does_not_exist_lists_what_does(camera, roots) -> None:
    one = camera(3, links=("by-id/me",))
    error = refused("v4l2:/dev/video9", roots, one)
    assert "/dev/video9 does not exist; connected is by-id/me" in error.problem


def captures(camera, roots):
    machine = Machine(camera, *getattr(camera, "others", ()))
    node = next(node for node in nodes(roots) if node.path == camera.path)
    finding.check_captures(Device(machine, camera.path).identity(), node, machine, roots)


def test_a_metadata_node_is_refused_with_the_node_of_the_pictures(camera, roots) -> None:
    pictures = camera(0, port="1-1")
    data = camera(1, port="1-1", index=1, caps=META)
    data.others = (pictures,)
    captures(pictures, roots)
    with pytest.raises(SourceError) as caught:
        captures(data, roots)
    assert "not the pictures" in caught.value.problem
    assert pictures.path in caught.value.remedy
    data.others = ()  # now the other node can't be opened
    with pytest.raises(SourceError) as caught:
        captures(data, roots)
    assert pictures.path in caught.value.remedy


@pytest.mark.parametrize(
    ("caps", "problem"), [(MPLANE, "multi-planar"), (0x2, "not a capture device")]
)
def test_a_node_without_pictures_is_refused(camera, roots, caps, problem) -> None:
    with pytest.raises(SourceError, match=problem):
        captures(camera(0, caps=caps), roots)


def node_of(roots, number=0):
    return next(node for node in nodes(roots) if node.path.endswith(f"video{number}"))


def test_a_camera_is_found_again_at_its_port_under_another_number(plug, unplug, roots) -> None:
    plug(0, port="1-1", usb="09cb:4007")
    before = node_of(roots)
    unplug(0)
    assert finding.find_again(before, roots) is None
    plug(0, port="1-9", usb="09cb:4007")  # another one takes the number
    assert finding.find_again(before, roots) is None


def test_the_number_of_a_node_decides_nothing(plug, roots) -> None:
    plug(0, port="1-9", usb="09cb:4007")
    plug(7, port="1-1", usb="09cb:4007")
    before = Node(
        path=str(roots.dev / "video0"),
        name="Cam",
        index=0,
        usb="09cb:4007",
        place=node_of(roots, 7).place,
    )
    again = finding.find_again(before, roots)
    assert again is not None
    assert again.path.endswith("video7")


def test_a_serial_number_is_found_at_any_port(plug, unplug, roots) -> None:
    plug(0, port="1-1", usb="1e4e:0100", serial="A")
    before = node_of(roots)
    unplug(0)
    plug(0, port="1-3", usb="1e4e:0100", serial="B")
    assert finding.find_again(before, roots) is None
    plug(5, port="1-2", usb="1e4e:0100", serial="A")
    again = finding.find_again(before, roots)
    assert again is not None
    assert again.path.endswith("video5")


def test_of_clones_with_one_number_the_one_at_the_port_is_found(plug, roots) -> None:
    plug(0, port="1-1", usb="1e4e:0100", serial="A")
    plug(1, port="1-2", usb="1e4e:0100", serial="A")
    before = node_of(roots, 1)
    assert finding.find_again(before, roots) == before


def test_a_virtual_camera_is_found_by_its_name() -> None:
    gone = Node("/dev/nothing", "", 0)
    assert finding.find_again(gone, finding.connected.SYSTEM) is None
    here = Node("/dev/null", "", 0)
    assert finding.find_again(here, finding.connected.SYSTEM) == here


def test_another_camera_is_not_the_one_from_before() -> None:
    node = Node("/dev/video0", "", 0)
    one = Identity("uvcvideo", "Boson", "usb-1", True, False, False)
    other_card = Identity("uvcvideo", "Webcam", "usb-1", True, False, False)
    other_port = Identity("uvcvideo", "Boson", "usb-2", True, False, False)
    assert finding.is_same(one, one, node)
    assert not finding.is_same(one, other_card, node)
    assert not finding.is_same(one, other_port, node)
    assert finding.is_same(one, other_port, Node("/dev/video0", "", 0, serial="A"))


@pytest.mark.parametrize(
    ("number", "problem", "remedy"),
    [
        (errno.EACCES, "may not be opened", "group `video`"),
        (errno.EPERM, "may not be opened", "group `video`"),
        (errno.EBUSY, "in use", "fuser"),
        (errno.ENODEV, "went away", "thermedge cameras"),
        (errno.ENOENT, "does not exist", "thermedge cameras"),
        (errno.ENOTTY, "not a V4L2 device", "thermedge cameras"),
        (errno.ENOSPC, "USB bandwidth", "another port"),
        (errno.EIO, "Input/output error", "dmesg"),
    ],
)
def test_every_refusal_of_the_system_says_what_to_do(roots, number, problem, remedy) -> None:
    error = finding.explained(OSError(number, os.strerror(number)), "/dev/video0", roots)
    assert "/dev/video0" in error.problem
    assert problem in error.problem
    assert remedy in error.remedy
