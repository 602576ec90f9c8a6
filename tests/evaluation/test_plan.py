"""Facts about protocols."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from thermedge.errors import ThermedgeError
from thermedge.evaluation import plan


@pytest.mark.parametrize("name", plan.names())
def test_every_shipped_protocol_is_read_and_tells_itself(name: str) -> None:
    read = plan.read(name)
    assert read.name == name
    assert read.title.startswith(f"{name} v{read.version}: ")


def test_the_shipped_protocols_are_those_the_data_sets_ask_for() -> None:
    assert {"short", "one_pass", "vot_reset", "real_time"} <= set(plan.names())
    assert plan.read("short").max_frames == 300
    reset = plan.read("vot_reset")
    assert (reset.skip_frames, reset.burn_in_frames, reset.eao_lengths) == (5, 10, ())


def test_a_file_is_a_protocol_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('version = 3\nsummary = "mine"\nkind = "one_pass"\nmax_frames = 7\n')
    assert plan.read(str(path)) == plan.Plan(
        version=3, summary="mine", kind="one_pass", name="mine", max_frames=7
    )


def test_the_digest_differs_where_a_rule_differs_and_not_where_a_word_does() -> None:
    short = plan.read("short")
    assert replace(short, name="other", summary="other").digest == short.digest
    for change in (
        replace(short, max_frames=299),
        replace(short, version=2),
        replace(short, rate_hz=1.0),
        replace(short, latencies_ms=(1.0,)),
    ):
        assert change.digest != short.digest


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('version = 1\nsummary = ""\nkind = "two_pass"', "kind is 'two_pass', expected one of"),
        ('version = 1\nsummary = ""\nkind = "one_pass"\nmaxframes = 3', "no key 'maxframes'"),
        ('summary = ""\nkind = "one_pass"', "lacks the key 'version'"),
        ("version = ", "is wrong"),
        ('version = 1\nsummary = ""\nkind = "one_pass"\nmax_frames = -1', "max_frames is -1"),
        ('version = 1\nsummary = ""\nkind = "reset"', "skip_frames is 0, expected 1 or more"),
        ('version = 1\nsummary = ""\nkind = "real_time"\nrate_hz = -3.0', "rate_hz is -3"),
        (
            'version = 1\nsummary = ""\nkind = "reset"\nskip_frames = 5\neao_lengths = [9, 3]',
            r"eao_lengths is \(9, 3\)",
        ),
    ],
)
def test_a_wrong_protocol_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ThermedgeError, match=complaint):
        plan.read(str(path))


def test_an_unknown_name_is_refused_with_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(ThermedgeError, match="No protocol is called 'ope'") as caught:
        plan.read("ope")
    assert "one_pass" in caught.value.remedy
    with pytest.raises(ThermedgeError, match="can't be read"):
        plan.read(str(tmp_path / "none.toml"))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'version = 1\nsummary = "\xff"\n')
    with pytest.raises(ThermedgeError, match=r"mine\.toml is no UTF-8 text") as caught:
        plan.read(str(path))
    assert "UTF-8" in caught.value.remedy


@pytest.mark.parametrize("latency_ms", [-1.0, math.inf, math.nan])
def test_latencies_are_finite_and_not_negative(latency_ms: float) -> None:
    with pytest.raises(ThermedgeError, match=f"latencies_ms holds {latency_ms}, expected finite"):
        plan.checked(replace(plan.read("real_time"), latencies_ms=(3.0, latency_ms)))


@pytest.mark.parametrize("rate_hz", [math.inf, math.nan])
def test_a_rate_is_finite(rate_hz: float) -> None:
    with pytest.raises(ThermedgeError, match=f"rate_hz is {rate_hz:g}, expected a finite number"):
        plan.checked(replace(plan.read("real_time"), rate_hz=rate_hz))
