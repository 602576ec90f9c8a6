import pytest

from thermedge.flashing import checkup
from thermedge.flashing.machine import Finished, Machine


def named(facts):
    return {fact.name: fact for fact in facts}


@pytest.fixture
def jetson(tmp_path):
    """A Jetson's files, with a release that runs."""
    files = {
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit\0",
        "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n",
        "etc/systemd/system/thermedge.service": "[Service]\nUser=tracker\n",
        "etc/group": "video:x:44:tracker\nrender:x:104:tracker,ubuntu\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "opt/thermedge/releases/v1").mkdir(parents=True)
    (tmp_path / "opt/thermedge/current").symlink_to("releases/v1")
    return tmp_path


def test_a_workstation_is_asked_for_what_deploy_and_flash_need(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/ssh").touch()
    facts = named(checkup.look(Machine(root=tmp_path)))
    assert facts["ssh"].state == "ok"
    assert facts["rsync"].state == "missing"
    assert facts["rsync"].remedy == "sudo apt install rsync"
    assert "release" not in facts


def test_a_healthy_board_tells_its_release_and_service(jetson):
    facts = named(checkup.look(Machine(root=jetson, run=lambda argv: Finished(0))))
    assert facts["L4T"].told == "36.4.3, JetPack 6.2"
    assert facts["release"].told == "v1 runs"
    assert facts["service"].state == "ok"
    assert "group video" not in facts


def test_what_is_missing_on_a_board_has_its_remedy(jetson):
    (jetson / "etc/group").write_text("video:x:44:tracker\nrender:x:104:\n")
    facts = named(checkup.look(Machine(root=jetson, run=lambda argv: Finished(3))))
    assert "journalctl" in facts["service"].remedy
    assert "usermod --append --groups render tracker" in facts["group render"].remedy
    assert "group video" not in facts
    (jetson / "opt/thermedge/current").unlink()
    facts = named(checkup.look(Machine(root=jetson)))
    assert facts["release"].state == "missing"
    assert "thermedge deploy" in facts["release"].remedy


def test_a_release_of_l4t_that_nobody_tried_is_said_so(jetson):
    (jetson / "etc/nv_tegra_release").write_text("# R77 (release), REVISION: 1.0, GCID: 1\n")
    assert named(checkup.look(Machine(root=jetson)))["L4T"].state == "wrong"


def test_two_builds_of_opencv_are_found():
    (fact,) = checkup._python(["numpy", "opencv-python", "opencv-python-headless"])
    assert fact.state == "wrong"
    assert "pip uninstall opencv-python opencv-python-headless" in fact.remedy
    assert not list(checkup._python(["numpy", "opencv-python", "opencv-python"]))
