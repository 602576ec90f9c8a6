"""Facts about what a board's file must keep to."""

from importlib import resources

import pytest

from thermedge import board_configs
from thermedge.errors import BoardError

NAME = "orin-nano-8gb-devkit-super"
GOOD = resources.files("thermedge.board_configs").joinpath(f"{NAME}.toml").read_text("utf-8")


def problem(text: str, name: str = NAME) -> str:
    with pytest.raises(BoardError) as caught:
        board_configs.parse(text, name)
    return caught.value.problem


def changed(before: str, after: str) -> str:
    assert before in GOOD
    return GOOD.replace(before, after)


def test_the_file_itself_is_right():
    assert board_configs.parse(GOOD, NAME).id == NAME


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("schema = 1", "schema = 2", "schema is 2"),
        ("schema = 1", "schema = 1\nshape = 1", "no key 'shape'"),
        ("memory_gib = 8\n", "", "lacks the key 'memory_gib'"),
        ("memory_gib = 8", 'memory_gib = "8"', "module.memory_gib"),
        ('"0955:7523"', '"955:7523"', "recovery id"),
        ('["p3767-0005-super"]', "[]", "match.compatible is empty"),
        ('compute_capability = "8.7"', 'compute_capability = "7.2"', "expected 8.7"),
        ('soc = "tegra234"', 'soc = "tegra999"', "tegra999"),
        ("int8 = true", "int8 = false", "int8 = false"),
        ("fp8 = false", "fp8 = true", "fp8 = true"),
        ("fp4 = false", "fp4 = true", "fp4 = true"),
        ('default = "fp16"', 'default = "fp12"', "precision.default"),
        ("fp16 = true", "fp16 = false", "none that the GPU has"),
        ('l4t = ">=39.2.0,<40"', 'l4t = ">=36.5.0,<37"', "share L4T 36.5.0"),
        ('l4t = ">=39.2.0,<40"', 'l4t = ">=38.2.0,<39"', "doesn't know tegra234"),
        ('l4t = ">=39.2.0,<40"', 'l4t = "39"', "no range"),
        ('name = "nvme"\ndefault = true', 'name = "nvme"', "exactly one default storage"),
        ('name = "sd"', 'name = "sd"\ndefault = true', "exactly one default storage"),
        ('name = "sd"', 'name = "usb"', "two storages 'usb'"),
        ('name = "sd"', 'name = "floppy"', "floppy"),
        (
            'cfg_dir = "bootloader/generic/cfg"',
            'cfg_dir = "bootloader/t186ref/cfg"',
            "expected 'bootloader/generic/cfg'",
        ),
        ("-c bootloader/generic/", "-c bootloader/t186ref/", "outside cfg_dir"),
        ('external_device = "nvme0n1p1"\n', "", "both external_device and external_xml"),
        ('external_device = "nvme0n1p1"', 'external_device = "sda1"', "on 'nvme0n1'"),
        ('tool = "l4t_initrd_flash.sh"', 'tool = "flash.sh"', "flash.sh doesn't take"),
        ('tool = "flash.sh"', 'tool = "dd"', "dd"),
        ("dla = false", "dla = true", "without DLA cores"),
        ('default_mode = "25W"', 'default_mode = "26W"', "'26W'"),
        ('name = "7W"', 'name = "15W"', "two power modes"),
        ("[sources]", '[sources]\nwheels = "none"', "'wheels'"),
        ("devfreq = ", "limits = ", "devfreq.gpu_nodes has no source"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused(before, after, told):
    found = problem(changed(before, after))
    assert told in found
    assert f"{NAME}.toml" in found


def test_the_id_is_the_name_of_the_file():
    assert "'other'" in problem(GOOD, "other")


def test_a_source_that_says_nothing_is_none():
    line = next(line for line in GOOD.splitlines() if line.startswith("rails = "))
    assert "says nothing about 'rails'" in problem(changed(line, 'rails = " "'))


@pytest.mark.parametrize("name", ["nano-4gb-devkit", "tx2-devkit"])
def test_old_gpus_may_not_claim_int8(name):
    text = resources.files("thermedge.board_configs").joinpath(f"{name}.toml").read_text("utf-8")
    assert "int8 = true" in problem(text.replace("int8 = false", "int8 = true"), name)
