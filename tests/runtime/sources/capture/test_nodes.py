"""Facts about finding video nodes in sysfs."""

from thermedge.runtime.sources.capture.nodes import node_at, nodes, users


def test_a_machine_without_cameras_has_no_nodes(roots) -> None:
    assert nodes(roots) == []


def test_a_node_tells_its_camera_and_its_port(plug, roots) -> None:
    links = ("by-id/usb-FLIR_Boson-index0", "by-path/pci-0000-usb-0:2:1.0-index0")
    path = plug(3, port="1-2", usb="09cb:4007", serial="4711", name="Boson: FLIR", links=links)
    (node,) = nodes(roots)
    assert (node.path, node.name, node.index) == (path, "Boson: FLIR", 0)
    assert (node.usb, node.serial) == ("09cb:4007", "4711")
    assert node.place.endswith("1-2/1-2:1.0")
    assert (node.by_id, node.by_path) == tuple(link.partition("/")[2] for link in links)


def test_a_camera_that_is_not_on_usb_has_neither_ids_nor_serial(plug, roots) -> None:
    plug(0, port="platform-vivid.0")
    (node,) = nodes(roots)
    assert (node.usb, node.serial, node.by_id) == (None, None, None)


def test_nodes_come_in_the_order_of_their_numbers(plug, roots) -> None:
    paths = [plug(number, port=f"1-{number}") for number in (10, 2)]
    assert [node.path for node in nodes(roots)] == paths[::-1]


def test_a_link_leads_to_its_node(plug, roots) -> None:
    plug(1, usb="1e4e:0100", serial="7", links=("by-id/me",))
    assert node_at(str(roots.dev / "v4l/by-id/me"), roots).serial == "7"
    assert node_at("/dev/null", roots).name == ""


def test_who_has_a_node_open_is_named(plug, roots) -> None:
    path = plug()
    process = roots.proc / "4242"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("ffmpeg\n")
    (process / "fd/5").symlink_to(path)
    (roots.proc / "99").mkdir()  # another user's: its files can't be listed
    assert users(path, roots) == ("ffmpeg (4242)",)
    assert users("/dev/null", roots) == ()
