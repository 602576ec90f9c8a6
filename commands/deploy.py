"""thermedge deploy: bring a tracker to boards that run already."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from thermedge.commands.options import add_payload
from thermedge.commands.release import add_soak

if TYPE_CHECKING:
    from thermedge.flashing.deploy import Outcome
    from thermedge.flashing.ssh import Remote

_EPILOG = """\
examples:
  thermedge deploy tracker@10.0.0.7 --bundle runs/b --wheelhouse dist/wheelhouse \\
      --arguments 'v4l2:auto --control /run/thermedge/control.sock'
  thermedge deploy pole1 pole2 pole3 pole4 --bundle runs/c --serial 1,3
  thermedge deploy --ansible out/ --bundle runs/c          # writes; then, for many boards:
  ansible-playbook -i out/inventory.ini out/deploy.yml

The board makes its Python environment beside the running one, builds the engine, runs
the self-test, and only then switches. A release that fails its self-test or does not start
leaves the one before running; where none ran before, it stays, and the board counts as failed
until it starts. Packages that are there already are not copied again; without --wheelhouse the
board keeps those of its running release.

exit status: 0 all boards run it; 1 one failed, later batches were not begun; 2 bad arguments
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="[user@]address, or as ssh knows")
    what = parser.add_argument_group("what")
    add_payload(what)
    what.add_argument(
        "--arguments",
        default="",
        metavar="'SOURCE ...'",
        help="what thermedge.service passes to track-camera, but --bundle; default: as before",
    )
    what.add_argument("--board", default="", metavar="NAME", help="from `thermedge boards`")
    what.add_argument(
        "--user", default="thermedge", help="whom the tracker runs as; made where missing"
    )
    what.add_argument("--power-mode", metavar="NAME", help="for every boot, as nvpmodel calls it")
    what.add_argument("--release", metavar="NAME", help="default: named after the contents")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--serial",
        default="1",
        metavar="N[,N...]",
        help="boards at a time: 1,5 is one first, then five by five; default: 1",
    )
    how.add_argument(
        "--ask-sudo-password",
        action="store_true",
        help="ask once, for logins that sudo wants a password of",
    )
    add_soak(how)
    how.add_argument("-F", "--ssh-config", type=Path, metavar="FILE", help="as ssh's own -F")
    how.add_argument(
        "--ansible",
        type=Path,
        metavar="FOLDER",
        help="copy nothing: write the payload with a playbook and an inventory to fill in",
    )


def run(args: argparse.Namespace) -> int:
    """Deploy to every host, print a line for each, and return the exit status."""
    import tempfile

    from thermedge.errors import BoardError
    from thermedge.flashing import deploy

    serial = _serial(args.serial)
    if args.ansible is not None:
        return _write_playbook(args)
    if not args.hosts:
        raise BoardError("No board was named.", "Name one: thermedge deploy tracker@10.0.0.7 ...")
    remotes = _remotes(args)
    with tempfile.TemporaryDirectory(prefix="thermedge-deploy-") as work:
        folder = Path(work, "payload")
        _say("", f"release {_payload(args, folder)}")

        def one(remote: Remote) -> Outcome:
            return deploy.deploy(
                remote, folder, soak_s=args.soak, tell=lambda step: _say(remote.host, step)
            )

        outcomes = deploy.roll_out(remotes, one, serial=serial, report=_report)
    for remote in remotes[len(outcomes) :]:
        _say(remote.host, "not begun: a board before it failed")
    is_ok = len(outcomes) == len(remotes) and all(outcome.is_ok for outcome in outcomes)
    return 0 if is_ok else 1


def _write_playbook(args: argparse.Namespace) -> int:
    """Write the Ansible example with its payload, whole or not at all; print how it is run."""
    import shutil

    from thermedge.errors import BoardError

    folder: Path = args.ansible
    if args.hosts:
        raise BoardError("--ansible and hosts do not go together.", "Name hosts in the inventory.")
    if os.path.lexists(folder):
        raise BoardError(f"{folder} exists already.", "Name a folder that does not exist.")
    draft = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        _fill_playbook(args, draft)
        draft.rename(folder)
    except OSError as error:
        raise BoardError(
            f"{folder} can't be made: {error.strerror}.", "Make room, or name another folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    print(f"ansible-playbook -i {folder / 'inventory.ini'} {folder / 'deploy.yml'}")
    return 0


def _fill_playbook(args: argparse.Namespace, folder: Path) -> None:
    from importlib.resources import files

    _say("", f"release {_payload(args, folder / 'payload')}")
    examples = files("thermedge.flashing").joinpath("ansible")
    for name, target in (("deploy.yml",) * 2, ("inventory.example.ini", "inventory.ini")):
        text = examples.joinpath(name).read_text(encoding="utf-8")
        (folder / target).write_text(text, encoding="utf-8")


def _payload(args: argparse.Namespace, folder: Path) -> str:
    """Write the payload, and return its release's name."""
    import shutil

    import thermedge
    from thermedge.bundles import find
    from thermedge.errors import BoardError
    from thermedge.flashing import deploy, overlay, payload

    def request(version: str) -> overlay.OverlayRequest:
        return overlay.OverlayRequest(
            version=version,
            board=args.board,
            bundle=find(args.bundle),
            wheelhouse=args.wheelhouse,
            user=args.user,
            arguments=tuple(args.arguments.split()),
            power_mode=args.power_mode,
        )

    wanted = request(args.release or "unnamed")
    overlay.check(wanted, keeps_arguments=True)
    try:
        payload.write(folder, wanted)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BoardError(
            f"{folder} can't be written: {error.strerror}.", "Make room, or set TMPDIR."
        ) from error
    if args.release:
        return str(args.release)
    name = deploy.release_name(folder, thermedge.__version__)
    payload.rename(folder, name)
    return name


def _remotes(args: argparse.Namespace) -> list[Remote]:
    from thermedge.errors import BoardError
    from thermedge.flashing.ssh import Remote

    if len(set(args.hosts)) != len(args.hosts):
        raise BoardError("A host is named twice.", "Name every board once.")
    options: tuple[str, ...] = ()
    if args.ssh_config is not None:
        if not args.ssh_config.is_file():
            raise BoardError(f"{args.ssh_config} is not there.", "Name a file in ssh's format.")
        options = ("-F", str(args.ssh_config.resolve()))
    password = None
    if args.ask_sudo_password:
        from getpass import getpass

        password = getpass("password for sudo on the boards: ")
    return [Remote(host, options, password) for host in args.hosts]


def _serial(text: str) -> list[int]:
    from thermedge.errors import BoardError

    sizes = text.split(",")
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise BoardError(
            f"--serial {text!r} is no list of numbers above 0.", "Give for example --serial 1,5"
        )
    return [int(size) for size in sizes]


def _report(outcome: Outcome) -> None:
    if outcome.is_ok:
        print(f"{outcome.host}: runs {outcome.version}; {outcome.detail}", flush=True)
    else:
        print(f"{outcome.host}: FAILED: {outcome.detail}\n  fix: {outcome.remedy}", flush=True)


def _say(host: str, text: str) -> None:
    print(f"{host}: {text}" if host else text, file=sys.stderr)
