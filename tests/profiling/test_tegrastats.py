import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermedge.profiling.tegrastats import Core, Stream, parse

# Lines as boards wrote them; "..." stands where the record itself was shortened.
NANO = (
    "RAM 1923/3964MB (lfb 2x2MB) SWAP 191/1982MB (cached 6MB) IRAM 0/252kB(lfb 252kB) "
    "CPU [5%@1224,4%@1224,3%@1224,6%@1224] EMC_FREQ 0%@1600 GR3D_FREQ 0%@76 APE 25 PLL@37C "
    "CPU@40C PMIC@50C GPU@40C AO@45C thermal@40C POM_5V_IN 1750/1628 POM_5V_GPU 0/0 "
    "POM_5V_CPU 366/406"
)
TX2 = (
    "RAM 3276/7859MB (lfb 5x4MB) SWAP 1626/12122MB (cached 181MB) "
    "CPU [44%@1421,49%@2031,67%@2034,17%@1420,25%@1419,8%@1420] EMC_FREQ 1%@1866 "
    "GR3D_FREQ 0%@114 APE 150 MTS fg 1% bg 1% PLL@42.5C MCPU@42.5C PMIC@50C Tboard@38C GPU@39.5C "
    "BCPU@42.5C thermal@41.3C Tdiode@39.25C VDD_SYS_GPU 182/182 VDD_SYS_SOC 730/730 "
    "VDD_4V0_WIFI 0/0 VDD_IN 5297/5297 VDD_SYS_CPU 1917/1917 VDD_SYS_DDR 1241/1241"
)
AGX_XAVIER = (
    "RAM 408/15823MB (lfb 3702x4MB) SWAP 0/7911MB (cached 0MB) CPU [..@2265 x8] "
    "EMC_FREQ 0%@2133 GR3D_FREQ 12%@1377 APE 150 MTS fg 0% bg 0% AO@26.5C GPU@28C iwlwifi@30C "
    "Tdiode@31.25C PMIC@100C AUX@27C CPU@28C thermal@27.45C Tboard@27C GPU 1155/1155 CPU 385/385 "
    "SOC 2502/2502 CV 0/0 VDDRQ 192/192 SYS5V 2692/2692"
)
AGX_ORIN = (
    ".. RAM 13983/62780MB (lfb 424x4MB) SWAP 126/31390MB (cached 0MB) "
    "CPU [90%@2201,100%@2201,...] EMC_FREQ 1%@2133 GR3D_FREQ 14%@[407,407] VIC_FREQ 115 "
    "NVDLA0_FREQ @1600 APE 174 CV0@73.625C CPU@77.281C Tboard@62C SOC2@70C Tdiode@62.25C "
    "SOC0@69.531C CV1@72.5C GPU@69.125C tj@77.281C SOC1@68.968C CV2@67.25C "
    "VDD_GPU_SOC 3150mW/2971mW VDD_CPU_CV 14312mW/12415mW VIN_SYS_5V0 4968mW/5048mW "
    "VDDQ_VDD2_1V8AO 1091mW/1091mW"
)
ORIN_NANO = (
    "04-19-2026 01:31:54 RAM 4231/7607MB (lfb 1x4MB) "
    "CPU [0%@1728,0%@1728,0%@1728,0%@1728,0%@1728,0%@1728] EMC_FREQ 81%@3199 "
    "GR3D_FREQ 99%@[1005] NVDEC off NVJPG off NVJPG1 off VIC off OFA off APE 200 cpu@52.437C "
    "soc2@51.562C soc0@50.812C gpu@55.281C tj@55.281C soc1@49.281C VDD_IN 21546mW/8268mW "
    "VDD_CPU_GPU_CV 9261mW/2663mW VDD_SOC 6129mW/2838mW"
)
ORIN_JP7 = "... EMC_FREQ 3%@3199 GR3D_FREQ 12%@[1300,1300] NVENC0 off NVDEC0 off ..."
THOR = (
    "04-21-2026 15:50:52 RAM 105265/125772MB (lfb 34x4MB) CPU [0%@972,...x14] EMC_FREQ 0%@2750 "
    "GR3D_FREQ @[314,314,314] NVENC0_FREQ @314 ... VIC off OFA_FREQ @315 PVA0_FREQ off APE 300 "
    "cpu@37.343C tj@38.875C soc012@37.468C gpu@38.875C soc345@37.406C VDD_GPU 1962mW/1962mW "
    "VDD_CPU_SOC_MSS 5887mW/5887mW VIN_SYS_5V0 5635mW/5635mW VIN 19780mW/19780mW"
)
LINES = {
    "nano": NANO,
    "tx2": TX2,
    "agx xavier": AGX_XAVIER,
    "agx orin": AGX_ORIN,
    "orin nano": ORIN_NANO,
    "orin, jetpack 7": ORIN_JP7,
    "thor": THOR,
}


@pytest.mark.parametrize("board", LINES)
def test_no_word_of_any_generation_is_unknown(board: str) -> None:
    assert set(parse(LINES[board]).unknown) <= {"..", "..."}


@pytest.mark.parametrize(
    ("line", "rails_w"),
    [
        (NANO, {"POM_5V_IN": 1.75, "POM_5V_GPU": 0, "POM_5V_CPU": 0.366}),
        (
            TX2,
            {
                "VDD_SYS_GPU": 0.182,
                "VDD_SYS_SOC": 0.73,
                "VDD_4V0_WIFI": 0,
                "VDD_IN": 5.297,
                "VDD_SYS_CPU": 1.917,
                "VDD_SYS_DDR": 1.241,
            },
        ),
        (
            AGX_XAVIER,
            {"GPU": 1.155, "CPU": 0.385, "SOC": 2.502, "CV": 0, "VDDRQ": 0.192, "SYS5V": 2.692},
        ),
        (ORIN_NANO, {"VDD_IN": 21.546, "VDD_CPU_GPU_CV": 9.261, "VDD_SOC": 6.129}),
        (
            THOR,
            {"VDD_GPU": 1.962, "VDD_CPU_SOC_MSS": 5.887, "VIN_SYS_5V0": 5.635, "VIN": 19.78},
        ),
    ],
)
def test_the_first_of_two_powers_is_that_of_now(line: str, rails_w: dict[str, float]) -> None:
    assert parse(line).rails_w == pytest.approx(rails_w)


def test_the_second_power_is_kept_apart() -> None:
    assert parse(ORIN_NANO).mean_rails_w["VDD_IN"] == 8.268


@pytest.mark.parametrize(
    ("line", "load", "mhz"),
    [
        (NANO, 0.0, (76.0,)),
        (AGX_XAVIER, 0.12, (1377.0,)),
        (AGX_ORIN, 0.14, (407.0, 407.0)),
        (ORIN_NANO, 0.99, (1005.0,)),
        (ORIN_JP7, 0.12, (1300.0, 1300.0)),
        (THOR, None, (314.0, 314.0, 314.0)),
        ("GR3D_FREQ 7%", 0.07, None),
    ],
)
def test_the_gpu_tells_load_and_clock_in_five_forms(
    line: str, load: float | None, mhz: tuple[float, ...] | None
) -> None:
    sample = parse(line)
    assert sample.loads.get("GR3D") == load
    assert sample.clocks_mhz.get("GR3D") == mhz


def test_temperatures_are_told_by_sensor() -> None:
    assert parse(TX2).temperatures_c["thermal"] == 41.3
    assert parse(AGX_XAVIER).temperatures_c["iwlwifi"] == 30
    assert parse(ORIN_NANO).temperatures_c["tj"] == 55.281


def test_a_sensor_that_is_off_has_no_temperature() -> None:
    sample = parse("CV0@-256C GPU@40C")
    assert (sample.temperatures_c, sample.unknown) == ({"GPU": 40.0}, ())


def test_a_core_that_is_off_keeps_its_place() -> None:
    assert parse("CPU [7%@1728,off,100%@729]").cores == (Core(0.07, 1728), None, Core(1.0, 729))


def test_memory_is_used_and_all() -> None:
    sample = parse(NANO)
    assert (sample.ram_mib, sample.swap_mib) == ((1923, 3964), (191, 1982))
    assert parse(THOR).swap_mib is None


def test_units_without_power_and_the_date_are_told() -> None:
    sample = parse(THOR)
    assert sample.off == ("VIC", "PVA0")
    assert (sample.date, parse(NANO).date) == ("04-21-2026 15:50:52", "")


def test_a_field_of_a_later_generation_is_kept_and_harms_no_other() -> None:
    sample = parse(f"{NANO} QPU_FREQ 3%@9@9 WARP<7> VDD_NEW 12mW/13mW")
    assert sample.unknown == ("QPU_FREQ", "3%@9@9", "WARP<7>")
    assert sample.rails_w["VDD_NEW"] == 0.012
    assert sample.rails_w["POM_5V_IN"] == 1.75


WORDS = st.sampled_from(sorted({word for line in LINES.values() for word in line.split()}))


@given(st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=6))).map(" ".join)))
def test_no_line_whatever_is_an_error(line: str) -> None:
    sample = parse(line)
    assert all(watts >= 0 for watts in sample.rails_w.values())


def test_a_number_too_long_to_be_one_is_unknown() -> None:
    assert parse(f"RAM {'9' * 5000}/1MB APE 25").clocks_mhz == {"APE": (25.0,)}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a shell script on the PATH as tegrastats."""

    def written(script: str) -> None:
        program = tmp_path / "tegrastats"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return written


def wait_for(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return is_so()


def test_a_stream_tells_what_tegrastats_said_last(install: Callable[[str], None]) -> None:
    install("echo 'VDD_IN 4000mW/1mW'; echo 'VDD_IN 5000mW/1mW tj@51C'; exec sleep 60")
    with Stream() as stream:
        assert wait_for(lambda: stream.state().rails_w == {"VDD_IN": 5.0})
        assert stream.state().temperatures_c == {"tj": 51.0}


def test_a_tegrastats_that_ended_tells_nothing_more(install: Callable[[str], None]) -> None:
    install("echo 'VDD_IN 4000mW/1mW'; sleep 0.2; exit 1")
    with Stream() as stream:
        assert wait_for(lambda: "VDD_IN" in stream.state().rails_w)
        assert wait_for(lambda: "VDD_IN" not in stream.state().rails_w)
