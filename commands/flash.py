"""thermedge flash: from a bundle to a board that boots into tracking."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from thermedge.commands.options import add_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from thermedge.board_configs import BoardConfig
    from thermedge.flashing.checks.finding import Planned, Subject
    from thermedge.flashing.execute import Outcome
    from thermedge.flashing.journal import Journal
    from thermedge.flashing.machine import Machine
    from thermedge.flashing.plan import Plan, Wanted
    from thermedge.flashing.preflight import Result

PREFLIGHT_ERROR, NO_DEVICE, TOOL_FAILED, REFUSED = 3, 4, 5, 6
STEPS = ("apply_binaries", "user", "password", "overlay", "flash")
_ARGUMENTS = "v4l2:auto --control /run/thermedge/control.sock"
_EPILOG = """\
examples:
  thermedge flash orin-nano-8gb-devkit-super --l4t ~/Linux_for_Tegra --bundle default
  sudo thermedge flash orin-nano-8gb-devkit-super --l4t ~/Linux_for_Tegra --bundle runs/b \\
      --wheelhouse dist/wheelhouse --login tracker --password-file pw --yes-erase nvme0n1
  sudo thermedge flash orin-nano-8gb-devkit --l4t ~/Linux_for_Tegra --bundle default \\
      --storage sd --login tracker --no-flash --execute

Without --yes-erase nothing is written: it checks, and tells what it would do. Flashing erases
the board's storage and its boot firmware.

exit status: 0 all is well; 2 bad arguments; 3 a check failed; 4 no board in recovery;
5 a program of NVIDIA's failed; 6 refused: --yes-erase names another device; 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("board", metavar="BOARD", help="a name from `thermedge boards`")
    what = parser.add_argument_group("what")
    what.add_argument(
        "--l4t", type=Path, required=True, metavar="DIR", help="NVIDIA's folder Linux_for_Tegra"
    )
    add_payload(what)
    what.add_argument(
        "--arguments",
        default=_ARGUMENTS,
        metavar="'SOURCE ...'",
        help=f"what thermedge.service passes to track-camera; default: {_ARGUMENTS}",
    )
    what.add_argument(
        "--storage", choices=("nvme", "sd", "emmc", "usb"), help="default: the board's own"
    )
    what.add_argument("--root-gib", type=int, metavar="N", help="size of the root partition")
    what.add_argument("--power-mode", metavar="NAME", help="default: the board file's; '': keep")
    what.add_argument("--conf", metavar="NAME", help="configuration of flash.sh, of your carrier")
    _add_people(parser)
    _add_deeds(parser)


def _add_people(parser: argparse.ArgumentParser) -> None:
    people = parser.add_argument_group("people")
    people.add_argument("--user", default="thermedge", help="whom the tracker runs as")
    people.add_argument("--login", metavar="NAME", help="make this user, who may log in and sudo")
    people.add_argument("--host-name", default="thermedge", metavar="NAME", help="of the board")
    people.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="its first line is the password of --login; without it the account takes none",
    )


def _add_deeds(parser: argparse.ArgumentParser) -> None:
    told = parser.add_argument_group("what is told").add_mutually_exclusive_group()
    told.add_argument("--json", action="store_true", help="print plan and checks for programs")
    told.add_argument("--print-cmd", action="store_true", help="print lines for a shell")
    deeds = parser.add_argument_group("what is done")
    deeds.add_argument("--yes-erase", metavar="DEVICE", help="flash, and erase this: nvme0n1")
    deeds.add_argument("--no-flash", action="store_true", help="plan an image, without a board")
    deeds.add_argument("--execute", action="store_true", help="do what erases nothing")
    deeds.add_argument("--image", type=Path, metavar="FILE", help="where an SD card's image goes")
    deeds.add_argument("--usb-instance", metavar="BUS-PORT", help="which of several boards: 3-14")
    deeds.add_argument("--read-eeprom", action="store_true", help="also ask the module what it is")
    deeds.add_argument(
        "--ignore", type=int, action="append", default=[], metavar="CHECK", help="warn only"
    )
    some = deeds.add_mutually_exclusive_group()
    some.add_argument("--from", dest="start", choices=STEPS, help="go on from this step")
    some.add_argument("--only", choices=STEPS, help="do this step alone")
    deeds.add_argument(
        "--logs",
        type=Path,
        default=Path("flash_logs"),
        metavar="FOLDER",
        help="default: flash_logs",
    )
    deeds.add_argument("--verbose", action="store_true", help="show all that the programs write")


def run(args: argparse.Namespace) -> int:
    """Check, tell the plan, carry it out if that was agreed, and return the exit status."""
    from thermedge import board_configs
    from thermedge.flashing import bsp, plan, preflight
    from thermedge.flashing.checks.finding import Planned, Subject

    _refuse_contradictions(args)
    board = board_configs.read(args.board)
    first = Subject(
        machine=_machine(),
        bsp=bsp.look(args.l4t),
        board=board,
        is_executing=_is_executing(args),
        yes_erase=args.yes_erase,
    )
    results = preflight.ignoring(preflight.before_plan(first), args.ignore)
    if first.bsp.l4t is None or board.release_for(first.bsp.l4t) is None:
        return _tell_no_plan(args, results)
    subject = Planned(
        machine=first.machine,
        bsp=first.bsp,
        board=board,
        is_executing=first.is_executing,
        yes_erase=first.yes_erase,
        plan=plan.chosen(plan.make(_wanted(args, board, first)), start=args.start, only=args.only),
    )
    _refuse_image(args, subject.plan)
    rest = preflight.of_plan(subject, reads_eeprom=args.read_eeprom)
    results += preflight.ignoring(rest, args.ignore)
    if not first.is_executing:
        _tell(args, subject, results)
        return _status(results)
    return _execute(args, subject, results)


def _refuse_contradictions(args: argparse.Namespace) -> None:
    from thermedge.errors import BoardError

    if args.execute and not args.no_flash and args.only in {None, "flash"}:
        raise BoardError(
            "--execute is for what erases nothing: an image, or one step before the flash.",
            "Give --no-flash or --only STEP as well; a board is flashed with --yes-erase DEVICE.",
        )
    if (args.json or args.print_cmd) and _is_executing(args):
        raise BoardError(
            f"{'--json' if args.json else '--print-cmd'} only tells the plan, and "
            f"{'--execute' if args.execute else '--yes-erase'} carries it out.",
            "Give one of both.",
        )
    if args.yes_erase and args.no_flash:
        raise BoardError(
            "--no-flash makes an image and erases nothing, and --yes-erase is given.",
            "Give one of both.",
        )
    if args.password_file and not args.login:
        raise BoardError(
            "--password-file is given, and nobody whose password it is.", "Add --login NAME."
        )


def _refuse_image(args: argparse.Namespace, plan: Plan) -> None:
    from thermedge.errors import BoardError

    if args.image is None or (args.no_flash and plan.storage.image_board is not None):
        return
    raise BoardError(
        f"--image {args.image} is given, and this plan makes no image of a whole card.",
        "Leave it out; --no-flash makes one for those boards that start from an SD card alone."
        if args.no_flash
        else "Add --no-flash.",
    )


def _is_executing(args: argparse.Namespace) -> bool:
    return args.yes_erase is not None or args.execute


def _machine() -> Machine:
    from thermedge.flashing.machine import Machine

    return Machine()


def _wanted(args: argparse.Namespace, board: BoardConfig, subject: Subject) -> Wanted:
    import hashlib

    import thermedge
    from thermedge.bundles import find
    from thermedge.errors import BundleError
    from thermedge.flashing.overlay import OverlayRequest
    from thermedge.flashing.plan import Login, Wanted

    folder = find(args.bundle)
    try:
        contents = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(
            f"{folder} is no bundle: it has no manifest.json.",
            "Give a folder written by `thermedge export`.",
        ) from error
    mode = board.power.default_mode if args.power_mode is None else args.power_mode
    return Wanted(
        board=board,
        bsp=subject.bsp,
        overlay=OverlayRequest(
            version=f"{thermedge.__version__}-{contents[:8]}",
            board=board.id,
            bundle=folder,
            wheelhouse=args.wheelhouse,
            user=args.user,
            arguments=tuple(args.arguments.split()),
            power_mode=mode or None,
        ),
        storage=args.storage,
        login=Login(user=args.login, host=args.host_name, password_file=args.password_file)
        if args.login
        else None,
        conf=args.conf,
        is_image_only=args.no_flash,
        image=args.image or Path(f"{board.id}-{subject.bsp.l4t}.img"),
        root_gib=args.root_gib,
        usb_instance=args.usb_instance,
    )


def _tell_no_plan(args: argparse.Namespace, results: list[Result]) -> int:
    import json
    from dataclasses import asdict

    from thermedge.flashing import describe

    if args.json:
        told = {"plan": None, "checks": [asdict(result) for result in results]}
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(["There is no plan:", *describe.findings(results)]))
    return PREFLIGHT_ERROR


def _tell(args: argparse.Namespace, subject: Planned, results: list[Result]) -> None:
    import json
    from dataclasses import asdict

    from thermedge.flashing import describe

    plan = subject.plan
    if args.json:
        told = {"plan": plan.as_mapping(), "checks": [asdict(result) for result in results]}
        print(json.dumps(told, indent=2))
        return
    if args.print_cmd:
        own = {step.name: _again(args, plan, "--only", step.name) for step in plan.steps}
        print("\n".join(describe.shell(plan, own)))
        print("\n".join(describe.findings(results)), file=sys.stderr)
        return
    print("\n".join(describe.lines(subject, results)))
    consent = f"--yes-erase {plan.storage.device}" if plan.erases else "--execute"
    print(f"Nothing was written. Run it again with {consent} to do it.")
    earlier = _earlier(args)
    if earlier:
        print(earlier, file=sys.stderr)


def _earlier(args: argparse.Namespace) -> str:
    from thermedge.flashing import journal

    broken = journal.last_unfinished(args.logs, args.board)
    if broken is None:
        return ""
    return (
        f"The last flash of {args.board} did not end well (step {broken.step}: {broken.state}). "
        f"Log: {broken.folder}\nGo on with: {broken.go_on_with}"
    )


def _status(results: list[Result]) -> int:
    from thermedge.flashing import preflight

    errors = {result.number for result in results if result.status == "error"}
    if preflight.CONSENT_CHECK in errors:
        return REFUSED
    if errors == {preflight.DEVICE_CHECK}:
        return NO_DEVICE
    return PREFLIGHT_ERROR if errors else 0


def _execute(args: argparse.Namespace, subject: Planned, results: list[Result]) -> int:
    from thermedge.flashing import describe, execute, journal

    plan, status = subject.plan, _status(results)
    found = [describe.summary(results), *describe.findings(results)]
    print("\n".join(found), file=sys.stderr)
    if status:
        print("Nothing was written.", file=sys.stderr)
        return status
    # Whoever asked for one step alone is never told to erase a board.
    flag = "--only" if args.only else "--from"
    go_on = {step.name: _again(args, plan, flag, step.name) for step in plan.steps}
    folder = journal.new_folder(args.logs, args.board)
    talk = cast(IO[str], _Talk())
    with (
        journal.Journal(folder, plan, results, go_on=go_on) as log,
        _Progress(talk, verbose=args.verbose) as progress,
    ):
        outcome = execute.run(plan, log, actions=_actions(plan), tell=progress.tell)
        archive = log.pack()
    status = _conclude(plan, log, outcome, archive, talk)
    if log.lost:
        print(
            f"The log is not whole, {log.folder} could not be written: {log.lost}.\n"
            "fix: Make room there before the next flash, or name another folder: --logs FOLDER",
            file=talk,
        )
    return status


def _actions(plan: Plan) -> dict[str, Callable[[], None]]:
    from thermedge.flashing import overlay, password

    login, rootfs = plan.wanted.login, plan.wanted.bsp.rootfs

    def put_password() -> None:
        assert login is not None
        secret = login.password_file and password.hashed(password.read(login.password_file))
        password.put(rootfs, login.user, secret or password.LOCKED)

    return {
        "password": put_password,
        "overlay": lambda: overlay.apply(rootfs, plan.wanted.overlay),
    }


def _conclude(
    plan: Plan, log: Journal, outcome: Outcome, archive: Path | None, talk: IO[str]
) -> int:
    from thermedge.commands import INTERRUPTED

    def say(text: str) -> None:
        print(text, file=talk)

    if outcome.state == "done":
        say(f"Done. Log: {log.folder}")
        if plan.is_flashing and plan.release.post_flash_reset:
            say("Reset the board now, or cycle its power: it doesn't start by itself.")
        return 0
    say(f"{outcome.state}: {outcome.problem}")
    for failure in outcome.failures[:1]:
        say(f"what it means: {failure.meaning}\nfix: {failure.remedy}")
    if not outcome.failures:
        say(f"fix: Look for the first error in {log.folder / 'output.log'}.")
    if outcome.step == "flash" and plan.is_flashing:
        say("The board may not start: cycle its power, and enter recovery again.")
    say(f"Go on with: {log.go_on_with()}\nLog to send along: {archive or log.folder}")
    return INTERRUPTED if outcome.state == "interrupted" else TOOL_FAILED


class _Talk:
    """Standard error, until writing to it fails; then all goes nowhere.

    Whoever listened may go away, or the disk of what is told fill, while NVIDIA's programs
    write the board. What began is finished all the same.
    """

    def __init__(self) -> None:
        self._stream = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - for all that is told

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Tell `text`, or let it go."""
        try:
            self._stream.write(text)
        except OSError:
            self._fall_silent()

    def flush(self) -> None:
        """Send what is told, or let it go."""
        try:
            self._stream.flush()
        except OSError:
            self._fall_silent()

    def _fall_silent(self) -> None:
        # The descriptor itself: Python flushes what is left once more while it exits.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


class _Progress:
    """What is seen while the programs run: a line that moves, or all lines in a file."""

    def __init__(self, talk: IO[str], *, verbose: bool) -> None:
        from rich.console import Console

        self._console = Console(file=talk, highlight=False, markup=False, soft_wrap=True)
        self._moves = self._console.is_terminal and not verbose
        self._status = self._console.status("")
        self._step = ""

    def __enter__(self) -> _Progress:
        if self._moves:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def tell(self, kind: str, text: str) -> None:
        """Show one thing that happened."""
        if kind == "step":
            self._step = text
            self._console.print(f"> {text}")
        elif kind == "line" and not self._moves:
            self._console.print(f"  {text}")
        elif kind in {"milestone", "failure"}:
            self._console.print(f"  {'!' if kind == 'failure' else '-'} {text}")
        if self._moves:
            from rich.text import Text

            shown = text if kind == "step" else f"{self._step}: {text}"
            self._status.update(Text(shown[: self._console.width - 4]))


def _again(args: argparse.Namespace, plan: Plan, *extra: str) -> str:
    """Return the command line that does this again, but for the steps."""
    import shlex

    # Under sudo the PATH is another one, and would not lead to a virtual environment.
    words = ["sudo", sys.executable, "-m", "thermedge", "flash", args.board, "--l4t", str(plan.cwd)]
    bundle = Path(args.bundle)
    words += ["--bundle", str(bundle.absolute()) if bundle.is_dir() else args.bundle]
    for name in ("storage", "root_gib", "power_mode", "conf", "user", "login", "usb_instance"):
        words += _option(name, getattr(args, name))
    for name in ("wheelhouse", "password_file", "image", "logs"):
        path = getattr(args, name)
        words += _option(name, path and path.absolute())
    words += _option("arguments", args.arguments if args.arguments != _ARGUMENTS else None)
    words += _option("host_name", args.host_name if args.login else None)
    words += [word for number in args.ignore for word in ("--ignore", str(number))]
    words += ["--no-flash"] if args.no_flash else []
    is_harmless = args.no_flash or (extra[0] == "--only" and extra[1] != "flash")
    words += ["--execute"] if is_harmless else ["--yes-erase", plan.storage.device]
    return shlex.join([*words, *extra])


def _option(name: str, value: object) -> list[str]:
    return [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
