"""Facts about the folder Linux_for_Tegra."""

import os

import pytest

from thermedge.errors import BoardError
from thermedge.flashing import bsp


@pytest.mark.parametrize("l4t", ["32.7.6", "35.6.4", "36.5.0", "38.4.0", "39.2.1"])
def test_a_tree_tells_its_version(fake_bsp, l4t):
    found = bsp.look(fake_bsp(l4t))
    assert (found.l4t, found.rootfs_l4t) == (l4t, l4t)
    assert found.has_tools
    assert found.is_applied


def test_before_apply_binaries_the_tools_tell_it(fake_bsp):
    found = bsp.look(fake_bsp(is_applied=False))
    assert (found.l4t, found.rootfs_l4t, found.is_applied) == ("36.5.0", None, False)


def test_the_root_file_system_tells_it_where_the_tools_do_not(fake_bsp):
    tree = fake_bsp()
    (tree / "nv_tegra/nv_tegra_release").unlink()
    assert bsp.look(tree).l4t == "36.5.0"


def test_any_other_folder_is_looked_at_without_an_error(tmp_path):
    found = bsp.look(tmp_path)
    assert (found.l4t, found.has_tools) == (None, False)
    assert bsp.look(tmp_path / "none").l4t is None


def test_a_link_that_leads_nowhere_is_not_there(fake_bsp):
    tree = fake_bsp()
    found = bsp.look(tree)
    assert found.has("jetson-orin-nano-devkit.conf")
    assert "jetson-orin-nano-devkit" in found.confs()
    (tree / "real.conf.common").unlink()
    assert not found.has("jetson-orin-nano-devkit.conf")
    assert found.confs() == []


def test_arguments_that_a_script_does_not_know_are_left_out(fake_bsp):
    assert bsp.look(fake_bsp("38.4.0")).known_arguments("apply_binaries.sh", ("--openrm",)) == (
        "--openrm",
    )
    assert bsp.look(fake_bsp("36.5.0")).known_arguments("apply_binaries.sh", ("--openrm",)) == ()


def test_a_layout_tells_the_size_of_its_medium(fake_bsp):
    layout = fake_bsp() / "tools/kernel_flash/flash_l4t_t234_nvme.xml"
    assert bsp.device_bytes(layout) == 121909248 * 512


@pytest.mark.parametrize(
    "text",
    ["", "<a/>", "<a><device/></a>", '<a><device sector_size="512" num_sectors="MANY"/></a>'],
)
def test_other_text_tells_no_size(tmp_path, text):
    (tmp_path / "layout.xml").write_text(text)
    assert bsp.device_bytes(tmp_path / "layout.xml") is None
    assert bsp.device_bytes(tmp_path / "none.xml") is None


def test_a_folder_that_nobody_but_root_may_look_into_is_told(fake_bsp):
    tree = fake_bsp()
    tree.chmod(0)
    was = os.geteuid()
    os.seteuid(was or 65534)
    try:
        with pytest.raises(BoardError, match="can't be read: Permission denied") as told:
            bsp.look(tree)
    finally:
        os.seteuid(was)
        tree.chmod(0o755)
    assert told.value.remedy == "Run it with sudo."
