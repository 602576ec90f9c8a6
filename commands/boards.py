"""thermedge boards: the boards that we know, and which one this is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from thermedge.board_configs import BoardConfig, Release
    from thermedge.board_configs.detect import Detected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell all about one board")
    parser.add_argument("--detect", action="store_true", help="tell which board this is")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Print the table, one board, or this machine; exit status 2 if it is no known board."""
    from rich.console import Console

    from thermedge import board_configs
    from thermedge.board_configs import detect
    from thermedge.errors import BoardError

    if args.detect and args.name:
        raise BoardError(
            f"--detect looks at this machine, and {args.name!r} names a board.",
            "Give one of both.",
        )
    console = Console()
    if args.detect:
        return _tell_this_machine(console, detect.detect(), as_json=args.json)
    if args.name:
        _tell_board(console, board_configs.read(args.name), as_json=args.json)
    else:
        boards = [board_configs.read(name) for name in board_configs.names()]
        _tell_all(console, boards, as_json=args.json)
    return 0


def _tell_all(console: Console, boards: list[BoardConfig], *, as_json: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if as_json:
        _print_json([_facts(board) for board in boards])
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("board", no_wrap=True)  # what users type
    for title in ("GPU", "GiB", "INT8", "JetPack", "storage"):
        table.add_column(title)
    table.add_column("tier", no_wrap=True)
    for board in boards:
        module = board.module
        table.add_row(
            *(board.id, f"sm_{module.compute_capability.replace('.', '')}"),
            *(str(module.memory_gib), "yes" if board.precision.int8 else "no"),
            " ".join(release.jetpack for release in board.release),
            " ".join(_storage_names(board)),
            board.tier,
        )
    console.print(table)


def _tell_board(console: Console, board: BoardConfig, *, as_json: bool) -> None:
    if as_json:
        _print_json(_facts(board))
        return
    for line in _lines(board):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(board: BoardConfig) -> list[str]:
    module, found = board.module, [f"{board.id}  {board.name}  ({board.tier})"]
    cores = [f"{module.cuda_cores} CUDA cores"] if module.cuda_cores else []
    cores += [f"{module.tensor_cores} tensor cores"] if module.tensor_cores else []
    has = board.precision
    precisions = {"fp16": has.fp16, "int8": has.int8, "fp8": has.fp8, "fp4": has.fp4}
    facts = {
        "module": f"{', '.join(module.part_numbers)}, {module.soc}, {module.memory_gib} GiB",
        "GPU": ", ".join([f"{module.gpu}, compute capability {module.compute_capability}", *cores]),
        "DLA": f"{module.dla_cores} cores" if module.dla_cores else "none",
        "precision": " ".join(name for name, there in precisions.items() if there)
        + f", default {has.default}",
        "firmware": f"on the {module.firmware.upper()}",
        "recovery": " ".join(board.usb.recovery_ids) or "USB id not confirmed",
        "power modes": ", ".join(mode.name for mode in board.power_mode) or "not confirmed",
        "at boot": board.power.default_mode or "as NVIDIA sets it",
        "power rails": ", ".join(board.rails.total) or "no meter for the whole board",
    }
    found += [f"  {name:<12} {fact}" for name, fact in facts.items()]
    found += [f"  {'release':<12} {_release(release)}" for release in board.release]
    found += [f"  {'note':<12} {note}" for note in board.notes]
    found += ["  sources"]
    return found + [f"    {key:<26} {source}" for key, source in board.sources.items()]


def _release(release: Release) -> str:
    storage = ", ".join(
        f"{one.name} ({one.tool}{', default' if one.default else ''})" for one in release.storage
    )
    parts = [
        f"JetPack {release.jetpack}, L4T {release.l4t}, Ubuntu {release.ubuntu}",
        f"Python {release.python}, CUDA {release.cuda}",
        f"TensorRT {release.tensorrt or 'not confirmed'}",
        f"{release.flash_board}: {storage}",
    ]
    return "; ".join(parts)


def _storage_names(board: BoardConfig) -> list[str]:
    names = [one.name for release in board.release for one in release.storage]
    return list(dict.fromkeys(names))


def _tell_this_machine(console: Console, found: Detected, *, as_json: bool) -> int:
    import dataclasses

    from thermedge import board_configs
    from thermedge.commands import USAGE_ERROR

    if as_json:
        _print_json(dataclasses.asdict(found))
        return 0 if found.board else USAGE_ERROR
    release = _release_state(found, board_configs.read(found.board) if found.board else None)
    several = f"one of {', '.join(found.candidates)}" if found.candidates else "none that we know"
    facts = {
        "board": found.board or several,
        "model": found.model or "the device tree names none: this is no Jetson, or a container",
        "L4T": release,
        "power mode": found.power_mode or "not known",
        "power modes": ", ".join(found.power_modes) or "none: /etc/nvpmodel.conf is missing",
        "power rails": ", ".join(found.rails) or "none",
    }
    for name, fact in facts.items():
        console.print(f"{name:<12} {fact}", highlight=False, markup=False, soft_wrap=True)
    return 0 if found.board else USAGE_ERROR


def _release_state(found: Detected, board: BoardConfig | None) -> str:
    if found.l4t is None:
        return "none: /etc/nv_tegra_release is missing"
    jetpack = f"JetPack {found.jetpack}" if found.jetpack else "a release that nobody tested"
    if board is not None and board.release_for(found.l4t) is None:
        return f"{found.l4t} ({jetpack}), outside what {board.id} is known to run"
    return f"{found.l4t} ({jetpack})"


def _facts(board: BoardConfig) -> dict[str, object]:
    from thermedge.records import to_mapping

    return to_mapping(board)


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))
