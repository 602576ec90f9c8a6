"""Facts about a camera that goes away and comes back."""

import pytest

from thermedge.errors import MissingDependencyError, SourceError
from thermedge.runtime.sources.capture.address import parse
from thermedge.runtime.sources.capture.camera import Camera
from thermedge.runtime.sources.capture.finding import opened


@pytest.fixture
def make(scripted, roots):
    def build(**settings):
        kernel = scripted((), **settings)
        return kernel, Camera(parse("v4l2:/dev/video0"), kernel, roots)

    return build


def test_a_camera_is_open_and_ours_from_the_start(make) -> None:
    kernel, camera = make()
    assert camera.fd > 0
    assert len(camera.stream.memories) == 4
    assert "Scripted camera" in camera.name
    camera.close()
    camera.close()
    assert camera.stream is None


def test_the_same_camera_is_opened_again(make) -> None:
    kernel, camera = make()
    camera.close()
    camera.reopen()
    assert camera.stream is not None
    assert kernel.opened == 2


@pytest.mark.parametrize(
    ("mode", "card", "problem"),
    [
        (("Y16", 16, 8, 32), "A webcam", "is another camera, A webcam"),
        (("GREY", 16, 8, 16), "Scripted camera", "not offer the format Y16; it offers GREY 16x8"),
        (("Y16", 32, 8, 64), "Scripted camera", "not offer Y16 16x8; it offers Y16 32x8"),
        (("Y16", 16, 8, 48), "Scripted camera", "delivers Y16 16x8 laid out otherwise"),
    ],
)
def test_another_camera_at_the_port_is_left_alone(make, mode, card, problem) -> None:
    kernel, camera = make()
    camera.close()
    kernel.swap(mode, card)
    with pytest.raises(SourceError, match=problem):
        camera.reopen()
    assert camera.stream is None
    assert not kernel._fds


def test_a_camera_that_stands_at_another_size_by_now_gets_the_one_from_before(make) -> None:
    kernel, camera = make(modes=(("Y16", 16, 8, 32), ("Y16", 32, 24, 64)))
    camera.close()
    with opened(camera._node.path, kernel) as viewer:
        viewer.set_format("Y16", 32, 24)
    assert camera.reopen()
    assert len(camera.stream.memories[0]) == 16 * 8 * 2


def test_a_camera_that_is_away_is_told_so(make, unplug) -> None:
    kernel, camera = make()
    camera.close()
    unplug()
    assert not camera.reopen()


def test_a_busy_camera_is_refused_and_left_closed(scripted, roots) -> None:
    kernel = scripted((), busy=True)
    with pytest.raises(SourceError, match="in use"):
        Camera(parse("v4l2:/dev/video0"), kernel, roots)
    assert not kernel._fds


def test_without_linuxpy_the_remedy_is_one_command(scripted, roots, monkeypatch) -> None:
    kernel = scripted(())
    monkeypatch.setitem(__import__("sys").modules, "linuxpy.video.raw", None)
    with pytest.raises(MissingDependencyError) as caught:
        Camera(parse("v4l2:/dev/video0"), kernel, roots)
    assert caught.value.remedy == "pip install 'thermedge[camera]'"
