"""thermedge release: what is installed on this board, and the steps that change it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from thermedge.errors import BoardError

_MOST_SOAK_S = 86400.0
_EPILOG = """\
on a board:
  thermedge release list                    what is installed, and which one runs
  sudo thermedge release rollback           back to the release before
  sudo thermedge release switch VERSION     to one that is installed
`thermedge deploy` and a flashed image's first boot run `install`; the bundle's self-test must
pass before anything switches, and a release that does not start is switched back.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the steps and their flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    steps.add_parser("list", help="list the releases here; * is the one that runs")
    install = steps.add_parser("install", help="install what was copied here, prove it, switch")
    install.add_argument("payload", type=Path, help="the folder that was copied")
    install.add_argument("--remove", action="store_true", help="remove the folder on success")
    install.add_argument("--json", action="store_true", help="print the result as JSON")
    add_soak(install)
    switch = steps.add_parser("switch", help="let an installed release run")
    switch.add_argument("version")
    add_soak(switch)
    add_soak(steps.add_parser("rollback", help="let the release before run again"))
    power = steps.add_parser("power-mode", help="set a Jetson's power mode by name")
    power.add_argument("mode", help="as /etc/nvpmodel.conf calls it")


def add_soak(parser: argparse._ActionsContainer) -> None:
    """Declare --soak: how long a started service must live."""
    parser.add_argument(
        "--soak",
        type=_seconds,
        default=15.0,
        metavar="SECONDS",
        help="a release counts as started when its service lived so long; default: 15",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MOST_SOAK_S:
        raise BoardError(
            f"--soak {text} is no time.", f"Give seconds, from 0 to {_MOST_SOAK_S:.0f}."
        )
    return value


def run(args: argparse.Namespace) -> int:
    """Do one step on this machine."""
    from thermedge.flashing import power, release, service
    from thermedge.flashing.layout import Layout

    layout = Layout()
    if args.step == "install":
        _install(args)
    elif args.step == "list":
        _list()
    elif args.step == "switch":
        state = release.switch(args.version, layout, service=service.here(args.soak))
        print(f"{args.version} is current; service: {state}")
    elif args.step == "rollback":
        version, state = release.rollback(layout, service=service.here(args.soak))
        print(f"{version} is current; service: {state}")
    else:
        print(f"{args.mode} is mode {power.set_mode(args.mode)}")
    return 0


def _install(args: argparse.Namespace) -> None:
    import json
    from dataclasses import asdict

    from thermedge.flashing import payload, release, service
    from thermedge.flashing.layout import Layout

    def tell(step: str) -> None:
        try:
            print(step, file=sys.stderr, flush=True)
        except OSError:
            # Whoever listened is gone. What began is finished all the same.
            sys.stderr = open("/dev/null", "w")  # noqa: SIM115

    done = release.install(args.payload, Layout(), service=service.here(args.soak), tell=tell)
    if args.remove:
        payload.remove(args.payload)
    if args.json:
        print(json.dumps(asdict(done)))
        return
    print(f"{done.version} is current; service: {done.service}")
    print(done.self_test)


def _list() -> None:
    from thermedge.flashing import release
    from thermedge.flashing.layout import Layout

    layout = Layout()
    current, before = release.current(layout), release.previous(layout)
    for version in release.versions(layout):
        mark = "*" if version == current else "-" if version == before else " "
        print(f"{mark} {version}")
    if current is None:
        print("no release runs here", file=sys.stderr)
