"""What must hold in every board's file, besides its keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from thermedge.board_configs import l4t

if TYPE_CHECKING:
    from thermedge.board_configs import BoardConfig, Release, Storage

SCHEMA = 1
# System on chip -> compute capability of its GPU: jetson_stats jtop/core/jetson_variables.py.
COMPUTE_CAPABILITY = {
    "tegra210": "5.3",
    "tegra186": "6.2",
    "tegra194": "7.2",
    "tegra234": "8.7",
    "tegra264": "11.0",
}
# System on chip -> major releases of L4T that know it. 38 was for Thor alone, 39 is for both.
MAJORS = {
    "tegra210": {32},
    "tegra186": {32},
    "tegra194": {32, 35},
    "tegra234": {35, 36, 39},
    "tegra264": {38, 39},
}
HAS_NO_INT8 = {"5.3", "6.2"}
HAS_FP8_AND_FP4 = {"11.0"}
# These describe the file or were chosen by us, and need no source.
NEEDS_NO_SOURCE = {"schema", "id", "name", "tier", "notes", "precision.default", "power"}


def broken(board: BoardConfig, values: Mapping[str, Any], name: str) -> list[str]:
    """Return what is wrong with a board, best read first; nothing if all is well.

    Args:
        values: The mapping that `board` was built from: it tells what the file states.
        name: The file's name, without its ending.
    """
    return [
        *_identity(board, name),
        *_chip(board),
        *_releases(board),
        *_power(board),
        *_sources(board.sources, values),
    ]


def _identity(board: BoardConfig, name: str) -> Iterator[str]:
    if board.schema != SCHEMA:
        yield f"schema is {board.schema}, this version reads {SCHEMA}"
    if board.id != name:
        yield f"id is {board.id!r}, expected the file's name {name!r}"
    for recovery in board.usb.recovery_ids:
        if not re.fullmatch(r"0955:[0-9a-f]{4}", recovery):
            yield f"the recovery id {recovery!r} has another form than '0955:7523'"
    if not board.match.compatible:
        yield "match.compatible is empty"


def _chip(board: BoardConfig) -> Iterator[str]:
    capability = board.module.compute_capability
    expected = COMPUTE_CAPABILITY.get(board.module.soc)
    if capability != expected:
        yield f"compute capability {capability} on {board.module.soc}, expected {expected}"
    precision = board.precision
    if precision.int8 == (capability in HAS_NO_INT8):
        yield f"int8 = {str(precision.int8).lower()} with compute capability {capability}"
    for name, has in (("fp8", precision.fp8), ("fp4", precision.fp4)):
        if has != (capability in HAS_FP8_AND_FP4):
            yield f"{name} = {str(has).lower()} with compute capability {capability}"
    if not {"fp32": True, "fp16": precision.fp16, "int8": precision.int8}[precision.default]:
        yield f"the default precision {precision.default} is none that the GPU has"


def _releases(board: BoardConfig) -> Iterator[str]:
    if not board.release:
        yield "it has no release"
    spans = sorted(l4t.bounds(release.l4t) for release in board.release)
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            yield f"two releases share L4T {'.'.join(map(str, start))}"
    for release in board.release:
        (major, _, _), _ = l4t.bounds(release.l4t)
        allowed = MAJORS.get(board.module.soc, set())
        if major not in allowed:
            yield f"L4T {major} doesn't know {board.module.soc}, only {sorted(allowed)} do"
        if release.dla and not board.module.dla_cores:
            yield f"JetPack {release.jetpack} has dla = true on a module without DLA cores"
        yield from _storage(release, major)


def _storage(release: Release, major: int) -> Iterator[str]:
    where = f"JetPack {release.jetpack}"
    if sum(storage.default for storage in release.storage) != 1:
        yield f"{where} needs exactly one default storage"
    repeated = [name for name, n in Counter(s.name for s in release.storage).items() if n > 1]
    if repeated:
        yield f"{where} has two storages {repeated[0]!r}"
    # The folder was renamed with R36.
    expected = "bootloader/generic/cfg" if major >= 36 else "bootloader/t186ref/cfg"
    if release.cfg_dir not in {None, expected}:
        yield f"{where} has cfg_dir {release.cfg_dir!r}, expected {expected!r}"
    for storage in release.storage:
        yield from _tool(storage, release, where)


def _tool(storage: Storage, release: Release, where: str) -> Iterator[str]:
    name = f"{where}, storage {storage.name!r}"
    if (storage.external_device is None) != (storage.external_xml is None):
        yield f"{name} needs both external_device and external_xml, or neither"
    if storage.external_device and not storage.external_device.startswith(storage.device):
        yield f"{name} has external_device {storage.external_device!r} on {storage.device!r}"
    if storage.tool == "flash.sh" and (storage.external_xml or storage.internal_args):
        yield f"{name} has external_xml or internal_args, which flash.sh doesn't take"
    for path in re.findall(r"-c (\S+)", storage.internal_args or ""):
        if path.rpartition("/")[0] != release.cfg_dir:
            yield f"{name} names {path}, outside cfg_dir {release.cfg_dir!r}"


def _power(board: BoardConfig) -> Iterator[str]:
    modes = [mode.name for mode in board.power_mode]
    if len(set(modes)) != len(modes):
        yield "two power modes have one name"
    if board.power.default_mode is not None and board.power.default_mode not in modes:
        yield f"power.default_mode {board.power.default_mode!r} is none of {modes}"


def _sources(sources: Mapping[str, str], values: Mapping[str, Any]) -> Iterator[str]:
    stated = set(_leaves({key: one for key, one in values.items() if key != "sources"}))
    for leaf in sorted(stated):
        if not any(_covers(key, leaf) for key in NEEDS_NO_SOURCE | set(sources)):
            yield f"{leaf} has no source; add it, or a key it begins with, to [sources]"
    for key in sorted(sources):
        if not any(_covers(key, leaf) for leaf in stated):
            yield f"[sources] has {key!r}, which the file doesn't state"
        elif not sources[key].strip():
            yield f"[sources] says nothing about {key!r}"


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path


def _covers(key: str, leaf: str) -> bool:
    return leaf == key or leaf.startswith(f"{key}.")
