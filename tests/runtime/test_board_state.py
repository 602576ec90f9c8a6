from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.runtime.board_state import BoardState, read

INA = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
GPU = "sys/class/devfreq/17000000.gpu"
POLICY = "sys/devices/system/cpu/cpufreq/policy0"
OC = "sys/devices/platform/soctherm-oc-event/hwmon/hwmon2"
# An Orin Nano with JetPack 6 as its sysfs shows it.
ORIN = {
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n",
    "var/lib/nvpmodel/status": "pmode:0001 fmode:quiet",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "52437\n",
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "-256000\n",
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "3\n",
    "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0\n",
    "sys/class/thermal/cooling_device1/cur_state": "0\n",
    f"{INA}/in1_label": "VDD_IN\n",
    f"{INA}/in1_input": "4968\n",
    f"{INA}/curr1_input": "1000\n",
    f"{INA}/curr1_crit_alarm": "0\n",
    f"{INA}/in2_label": "NC\n",
    f"{INA}/in2_input": "4968\n",
    f"{INA}/curr2_input": "1000\n",
    f"{INA}/in7_label": "sum of shunt voltages\n",
    f"{INA}/in7_input": "1\n",
    f"{INA}/curr7_input": "1\n",
    f"{GPU}/cur_freq": "624750000\n",
    f"{GPU}/min_freq": "306000000\n",
    f"{GPU}/max_freq": "624750000\n",
    f"{GPU}/governor": "nvhost_podgov\n",
    f"{GPU}/device/of_node/name": "gpu\0",
    f"{POLICY}/scaling_cur_freq": "1510400\n",
    f"{POLICY}/scaling_min_freq": "729600\n",
    f"{POLICY}/scaling_max_freq": "1510400\n",
    f"{POLICY}/scaling_governor": "schedutil\n",
    f"{OC}/oc3_event_cnt": "17\n",
}
NANO_INA = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
NANO = {
    f"{NANO_INA}/rail_name_0": "POM_5V_IN\n",
    f"{NANO_INA}/in_power0_input": "1750\n",
    "sys/class/devfreq/57000000.gpu/cur_freq": "76800000\n",
    "sys/class/thermal/thermal_zone3/type": "GPU-therm\n",
    "sys/class/thermal/thermal_zone3/temp": "40000\n",
}


def grown(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_an_orin_tells_mode_heat_power_clocks_and_limits(tmp_path: Path) -> None:
    state = read(grown(tmp_path, ORIN))
    assert state.power_mode == "25W"
    assert state.temperatures_c == {"cpu-thermal": 52.437}  # cv0 is off
    assert state.rails_w == {"VDD_IN": pytest.approx(4.968)}
    assert state.clocks_mhz == {"cpu0": 1510.4, "gpu": 624.75}
    assert state.governors == {"cpu0": "schedutil", "gpu": "nvhost_podgov"}
    assert state.throttle_counts == {"oc3": 17}
    assert state.is_throttled is False
    assert state.are_clocks_locked is False


def test_a_nano_tells_its_rails_in_milliwatts(tmp_path: Path) -> None:
    state = read(grown(tmp_path, NANO))
    assert state.rails_w == {"POM_5V_IN": 1.75}
    assert state.clocks_mhz == {"gpu": 76.8}
    assert state.temperatures_c == {"GPU-therm": 40.0}
    assert state.is_throttled is None


def test_a_chip_that_tells_power_itself_is_read_in_microwatts(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon4"
    files = {f"{chip}/name": "ina238\n", f"{chip}/power1_input": "19780000\n"}
    assert list(read(grown(tmp_path, files)).rails_w.values()) == [pytest.approx(19.78)]


def test_other_hwmon_chips_are_no_rails(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon0"
    files = {f"{chip}/name": "amdgpu\n", f"{chip}/power1_input": "19780000\n"}
    assert read(grown(tmp_path, files)).rails_w == {}


@pytest.mark.parametrize(
    "sign",
    [
        {"sys/class/thermal/cooling_device1/cur_state": "2\n"},
        {f"{INA}/curr1_crit_alarm": "1\n"},
    ],
)
def test_a_cooling_device_or_a_current_alarm_is_a_throttle(
    tmp_path: Path, sign: dict[str, str]
) -> None:
    assert read(grown(tmp_path, ORIN | sign)).is_throttled is True


def test_clocks_whose_lowest_is_their_highest_are_locked(tmp_path: Path) -> None:
    locked = {f"{GPU}/min_freq": "624750000", f"{POLICY}/scaling_min_freq": "1510400"}
    assert read(grown(tmp_path, ORIN | locked)).are_clocks_locked is True


def test_a_mode_without_a_name_keeps_its_number(tmp_path: Path) -> None:
    files = {"var/lib/nvpmodel/status": "pmode:0003"}
    assert read(grown(tmp_path, files)).power_mode == "mode 3"


def test_two_zones_of_one_name_are_both_told(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone"
    files = {
        **{f"{zone}{n}/type": "acpitz" for n in (0, 1)},
        **{f"{zone}{n}/temp": f"{27 + n}000" for n in (0, 1)},
    }
    assert read(grown(tmp_path, files)).temperatures_c == {"acpitz": 27, "acpitz thermal_zone1": 28}


def test_throttle_counts_of_a_pc_are_added_over_its_cores(tmp_path: Path) -> None:
    files = {
        f"sys/devices/system/cpu/cpu{n}/thermal_throttle/core_throttle_count": "2\n" for n in (0, 1)
    }
    assert read(grown(tmp_path, files)).throttle_counts == {"core": 4}


FOLDER = "a folder in its place"
CONTENTS = st.one_of(
    st.none(),  # the file is missing
    st.just(FOLDER),
    st.sampled_from(["", "NaN", "-", "0x10", "9" * 5000, "1e999", "\0\0", "\udcff\udcfe", "-1\n"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grown(tmp_path_factory.mktemp("board"), ORIN | NANO)


@given(odd=st.dictionaries(st.sampled_from(sorted(ORIN | NANO)), CONTENTS))
def test_missing_and_odd_files_in_any_subset_never_raise(
    board: Path, odd: dict[str, str | None]
) -> None:
    for name, text in odd.items():
        path = board / name
        path.unlink()
        if text == FOLDER:
            path.mkdir()
        elif text is not None:
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
    state = read(board)
    for name in odd:
        if (board / name).is_dir():
            (board / name).rmdir()
        grown(board, {name: (ORIN | NANO)[name]})
    assert isinstance(state, BoardState)
    if f"{INA}/in1_input" in odd and odd[f"{INA}/in1_input"] is None:
        assert "VDD_IN" not in state.rails_w
    if not odd:
        assert state.rails_w == {"VDD_IN": pytest.approx(4.968), "POM_5V_IN": 1.75}


def test_this_very_machine_can_be_read() -> None:
    state = read()
    assert {field.name for field in fields(state)} >= {"power_mode", "rails_w", "is_throttled"}
