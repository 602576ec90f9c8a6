"""Facts about listing what is connected."""

import pytest

from thermedge.errors import MissingDependencyError
from thermedge.runtime.sources.capture.listing import Listed, connected


def test_a_machine_without_cameras_lists_none(scripted, roots) -> None:
    assert connected(roots=roots) == []


def test_a_camera_is_listed_with_all_that_tells_it(scripted, roots) -> None:
    node = {"usb": "09cb:4007", "serial": "4711", "links": ("by-id/usb-B", "by-path/p")}
    modes = (("Y16", 640, 512, 1280), ("Y16", 640, 514, 1280), ("YU12", 640, 512, 640))
    kernel = scripted((), node=node, modes=modes, card="Boson")
    (camera,) = connected(kernel, roots)
    assert (camera.path, camera.card, camera.serial) == (kernel.path, "Boson", "4711")
    assert (camera.profile, camera.uri) == ("boson", "v4l2:by-id/usb-B")
    assert camera.formats[1] == Listed("Y16", "640x514", (60.0,))
    assert camera.hints
    assert not camera.is_streaming
    assert camera.problem is None


def test_a_camera_in_use_is_listed_with_who_uses_it(scripted, roots) -> None:
    kernel = scripted((), busy=True)
    (roots.proc / "77/fd").mkdir(parents=True)
    (roots.proc / "77/comm").write_text("ffmpeg")
    (roots.proc / "77/fd/3").symlink_to(kernel.path)
    (camera,) = connected(kernel, roots)
    assert camera.is_streaming
    assert camera.users == ("ffmpeg (77)",)


def test_a_node_without_pictures_is_left_out(scripted, roots) -> None:
    assert connected(scripted((), caps=0x00800000), roots) == []


def test_a_camera_that_may_not_be_opened_is_listed_with_the_reason(scripted, roots) -> None:
    kernel = scripted((), node={"name": "Secret"})

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    kernel.open = refuse
    (camera,) = connected(kernel, roots)
    assert camera.card == "Secret"
    assert "may not be opened" in camera.problem
    assert camera.profile is None


def test_without_linuxpy_there_is_no_list(roots, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "linuxpy.video.raw", None)
    with pytest.raises(MissingDependencyError):
        connected(roots=roots)
