"""The command `thermedge`; each verb is one module, imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from thermedge import __version__
from thermedge.errors import ThermedgeError

# verb -> its module and its line in the help. Each module has `add_arguments(parser)`,
# which must work with nothing but the standard library, and `run(args) -> int`.
VERBS = {
    "track": (
        "thermedge.commands.track_camera",
        "track a target of a camera, recording or made-up scene",
    ),
    "demo": ("thermedge.commands.demo", "track a target without camera or board"),
    "cameras": ("thermedge.commands.cameras", "list the cameras that are connected"),
    "boards": ("thermedge.commands.boards", "list the boards, or tell which one this is"),
    "deploy": ("thermedge.commands.deploy", "bring a tracker to boards that run, with rollback"),
    "release": ("thermedge.commands.release", "on a board: install, switch, go back"),
    "wheelhouse": ("thermedge.commands.wheelhouse", "gather the packages of a board offline"),
    "flash": ("thermedge.commands.flash", "flash a board so that it boots into tracking"),
    "doctor": ("thermedge.commands.doctor", "say what this machine can run, and what is missing"),
    "train": ("thermedge.commands.train", "train a tracker from a recipe"),
    "ablate": ("thermedge.commands.ablate", "say what the parts of a network or recipe are worth"),
    "models": ("thermedge.commands.models", "list the trackers, with what they cost and need"),
    "calibrate": ("thermedge.commands.calibrate", "make INT8's data out of recordings"),
    "export": ("thermedge.commands.export", "turn a checkpoint into a bundle"),
    "build": ("thermedge.commands.build", "build a bundle's TensorRT engines on this board"),
    "evaluate": ("thermedge.commands.evaluate", "score a tracker on a data set"),
    "profile": ("thermedge.commands.profile", "time a tracker here, with the conditions"),
    "bench": ("thermedge.commands.bench", "compare trackers in accuracy and time"),
}

USAGE_ERROR = 2  # also what argparse exits with
INTERRUPTED = 130  # what shells report for a program that SIGINT ended
BROKEN_PIPE = 141  # and for one that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status.

    Args:
        argv: The arguments after the program's name; those of the process by default.
    """
    return guarded(lambda: _run(sys.argv[1:] if argv is None else argv))


def guarded(function: Callable[[], int]) -> int:
    """Call `function` and return its exit status, or the one for how it failed.

    A ThermedgeError becomes two lines on stderr, what went wrong and what to do; an
    interrupt one line; a reader of stdout that went away nothing. Anything else is a
    bug and keeps its traceback.
    """
    try:
        try:
            return _explained(function)
        finally:
            if sys.stdout is not None:  # it is None when the shell closed it: >&-
                sys.stdout.flush()  # here a closed pipe can still be caught
    except BrokenPipeError:
        # Python flushes stdout once more while it exits: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _explained(function: Callable[[], int]) -> int:
    try:
        return function()
    except ThermedgeError as error:
        print(f"error: {error.problem}\nfix: {error.remedy}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(argv: Sequence[str]) -> int:
    chosen = next((word for word in argv if not word.startswith("-")), None)
    args = _parser(chosen).parse_args(argv)
    module, _ = VERBS[args.verb]
    status: int = importlib.import_module(module).run(args)
    return status


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return the parser of all verbs; only the chosen one knows its arguments.

    Flags are never cut short: what a service passes to track-camera is read by others too, and
    a flag that is new must not change what an older script says.
    """
    parser = argparse.ArgumentParser(
        prog="thermedge",
        description="Take a trained thermal-infrared tracker to an embedded board.",
        epilog="thermedge VERB --help tells a verb's arguments.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"thermedge {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, (module, summary) in VERBS.items():
        subparser = verbs.add_parser(
            verb, help=summary, description=f"{summary.capitalize()}.", allow_abbrev=False
        )
        if verb == chosen:
            importlib.import_module(module).add_arguments(subparser)
    return parser
