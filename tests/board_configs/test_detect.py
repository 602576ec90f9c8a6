"""Facts about telling which board this is."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thermedge import board_configs
from thermedge.board_configs.detect import Detected, detect

NVPMODEL = """\
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
"""
HWMON = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
ORIN = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
    "proc/device-tree/compatible": (
        "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0"
    ),
    "proc/meminfo": "MemTotal:        7802336 kB\n",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n",
    "etc/nvpmodel.conf": NVPMODEL,
    "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet",
    f"{HWMON}/in1_label": "VDD_IN\n",
    f"{HWMON}/in2_label": "VDD_CPU_GPU_CV\n",
    f"{HWMON}/in3_label": "NC\n",
    f"{HWMON}/in7_label": "sum of shunt voltages\n",
}


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_a_board_tells_all(tmp_path):
    write(tmp_path, ORIN)
    assert detect(tmp_path) == Detected(
        model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        l4t="36.4.3",
        jetpack="6.2",
        board="orin-nano-8gb-devkit-super",
        power_mode="25W",
        candidates=("orin-nano-8gb-devkit-super",),
        power_modes=("15W", "25W", "MAXN_SUPER"),
        rails=("VDD_CPU_GPU_CV", "VDD_IN"),
    )


def test_an_empty_machine_tells_nothing(tmp_path):
    nothing = Detected(model=None, l4t=None, jetpack=None, board=None, power_mode=None)
    assert detect(tmp_path) == nothing
    assert detect(tmp_path / "missing") == nothing


@pytest.mark.parametrize(
    ("compatible", "memory_kib", "board"),
    [
        ("nvidia,p3768-0000+p3767-0005\0nvidia,tegra234", 7802336, "orin-nano-8gb-devkit"),
        ("nvidia,p3768-0000+p3767-0000\0nvidia,tegra234", 16000000, "orin-nx-16gb"),
        ("nvidia,p3768-0000+p3767-0000-super\0nvidia,tegra234", 16000000, "orin-nx-16gb-super"),
        ("nvidia,p3737-0000+p3701-0005\0nvidia,tegra234", 64000000, "agx-orin-64gb"),
        ("nvidia,p4071-0000+p3834-0008\0nvidia,tegra264", 128790528, "thor-t5000"),
        ("nvidia,p4071-0000+p3834-0008\0nvidia,tegra264", 64000000, "thor-t4000"),
        ("nvidia,p2972-0000\0nvidia,tegra194", 32000000, "agx-xavier-32gb"),
        ("nvidia,p3509-0000+p3668-0000\0nvidia,tegra194", 7900000, "xavier-nx-devkit"),
        ("nvidia,p3450-0000\0nvidia,tegra210", 4059000, "nano-4gb-devkit"),
        ("nvidia,p2771-0000\0nvidia,tegra186", 8000000, "tx2-devkit"),
        ("nvidia,p3509-0000+p3636-0001\0nvidia,tegra186", 4000000, "tx2-nx"),
        ("raspberrypi,4-model-b\0brcm,bcm2711", 8000000, None),
    ],
)
def test_a_board_is_known_by_its_device_tree_and_memory(tmp_path, compatible, memory_kib, board):
    write(
        tmp_path,
        {
            "proc/device-tree/compatible": f"{compatible}\0",
            "proc/meminfo": f"MemTotal: {memory_kib} kB\n",
        },
    )
    assert detect(tmp_path).board == board


def test_boards_that_memory_alone_tells_apart_stay_open_without_it(tmp_path):
    write(tmp_path, {"proc/device-tree/compatible": "nvidia,p4071-0000+p3834-0008\0"})
    found = detect(tmp_path)
    assert found.board is None
    assert found.candidates == ("thor-t4000", "thor-t5000")


def test_an_old_board_is_known_by_the_file_of_its_device_tree(tmp_path):
    name = "/dvs/git/dirty/tegra210-p3448-0000-p3449-0000-b00.dts\0"
    write(tmp_path, {"proc/device-tree/nvidia,dtsfilename": name})
    assert detect(tmp_path).board == "nano-4gb-devkit"


def test_the_package_tells_the_version_where_the_file_is_missing(tmp_path):
    status = "Package: bash\nVersion: 5.1\n\nPackage: nvidia-l4t-core\nStatus: install ok\n"
    write(tmp_path, {"var/lib/dpkg/status": f"{status}Version: 36.4.7-20250918154033\n"})
    found = detect(tmp_path)
    assert (found.l4t, found.jetpack) == ("36.4.7", "6.2.1")


def test_a_release_that_we_do_not_know_has_no_jetpack(tmp_path):
    write(tmp_path, {"etc/nv_tegra_release": "# R36 (release), REVISION: 9.0, GCID: 1"})
    assert (detect(tmp_path).l4t, detect(tmp_path).jetpack) == ("36.9.0", None)


def test_power_meters_of_jetpack_4_are_found(tmp_path):
    folder = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    write(tmp_path, {f"{folder}/rail_name_0": "POM_5V_IN", f"{folder}/rail_name_1": "POM_5V_GPU"})
    assert detect(tmp_path).rails == ("POM_5V_GPU", "POM_5V_IN")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    missing=st.sets(st.sampled_from(sorted(ORIN))), broken=st.sets(st.sampled_from(sorted(ORIN)))
)
def test_whatever_is_missing_or_broken_never_raises(tmp_path, missing, broken):
    shutil.rmtree(tmp_path, ignore_errors=True)
    write(tmp_path, {path: text for path, text in ORIN.items() if path not in missing})
    for path in broken - missing:
        (tmp_path / path).write_bytes(b"\xff\x00 = <")
    found = detect(tmp_path)
    assert found.board is None or found.board in board_configs.names()
