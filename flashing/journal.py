"""What a flash leaves in writing: true at every moment, whatever kills it."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TextIO

from thermedge.errors import BoardError
from thermedge.files import replacing
from thermedge.flashing.plan import Plan
from thermedge.flashing.preflight import Result

STATE, PLAN, PREFLIGHT, OUTPUT = "state.json", "plan.json", "preflight.json", "output.log"

State = Literal["waiting", "running", "done", "failed", "interrupted"]
# Where NVIDIA's tools put what they write about a flash.
_VENDOR_LOGS = ("initrdlog/*", "bootloader/flashcmd.txt")


@dataclass
class StepState:
    """How far one step came."""

    name: str
    state: State = "waiting"
    started: str | None = None  # UTC
    ended: str | None = None
    status: int | None = None  # exit status of the program
    failures: list[str] = field(default_factory=list)  # names of the texts recognised


class Journal:
    """The folder of one flash.

    Once it is made, what can't be written is left out and `lost` says so: no log is worth a
    board that is half written.

    Args:
        folder: Is made.
        go_on: The command that goes on from a step; what it holds is kept in writing.

    Raises:
        BoardError: The folder can't be made.
    """

    def __init__(
        self, folder: Path, plan: Plan, results: Sequence[Result], *, go_on: dict[str, str]
    ) -> None:
        self.folder = folder
        self.lost = ""  # why a part of it could not be written
        self._go_on = go_on
        self._plan = plan
        self.steps = [StepState(step.name) for step in plan.steps]
        self._started = now()
        try:
            folder.mkdir(parents=True)
            self._write(PLAN, plan.as_mapping())
            self._write(PREFLIGHT, [asdict(result) for result in results])
            self._output: TextIO = (folder / OUTPUT).open("a", encoding="utf-8", buffering=1)
            self._write(STATE, self._as_mapping())
        except OSError as error:
            raise BoardError(
                f"The log can't be written to {folder}: {error.strerror}.",
                "Name a folder that can be: --logs FOLDER",
            ) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        with self._losing():
            self._output.close()

    def begin(self, name: str, argv: Iterable[str]) -> None:
        """Note that a step runs from now on."""
        step = self._step(name)
        step.state, step.started = "running", now()
        self._write_state()
        self.line(f"=== {name}: {json.dumps(list(argv))}")

    def line(self, text: str) -> None:
        """Keep one line of a program."""
        with self._losing():
            self._output.write(f"{now()} {text}\n")

    def end(
        self, name: str, state: State, *, status: int | None = None, failures: Iterable[str] = ()
    ) -> None:
        """Note how a step ended."""
        step = self._step(name)
        step.state, step.ended, step.status = state, now(), status
        step.failures = list(failures)
        self.line(f"=== {name}: {state}" + ("" if status is None else f", exit status {status}"))
        self._write_state()

    def next_step(self) -> str | None:
        """Return the step to go on from, None when all are done."""
        return next((step.name for step in self.steps if step.state != "done"), None)

    def go_on_with(self) -> str | None:
        """Return the command that goes on from there, None when all are done."""
        name = self.next_step()
        return None if name is None else self._go_on[name]

    def pack(self) -> Path | None:
        """Pack the folder, with what NVIDIA's tools logged since it began, to send along.

        Returns:
            The archive beside the folder; None: it can't be written.
        """
        archive = self.folder.with_name(f"{self.folder.name}.tar.gz")
        with self._losing():
            self._output.flush()
            with replacing(archive) as temporary, tarfile.open(temporary, "w:gz") as tar:
                tar.add(self.folder, arcname=self.folder.name)
                for path in self._vendor_logs():
                    tar.add(path, arcname=f"{self.folder.name}/vendor/{path.name}")
            return archive
        return None

    def _vendor_logs(self) -> list[Path]:
        begun = datetime.fromisoformat(self._started).timestamp()
        found = [path for pattern in _VENDOR_LOGS for path in self._plan.cwd.glob(pattern)]
        return [path for path in found if path.is_file() and path.stat().st_mtime >= begun]

    def _step(self, name: str) -> StepState:
        return next(step for step in self.steps if step.name == name)

    def _write_state(self) -> None:
        with self._losing():
            self._write(STATE, self._as_mapping())

    def _as_mapping(self) -> dict[str, Any]:
        return {
            "state": self._state(),
            "pid": os.getpid(),  # gone while the state is "running": it was killed
            "started": self._started,
            "steps": [asdict(step) for step in self.steps],
            "go_on_with": self.go_on_with(),
        }

    def _state(self) -> State:
        states = {step.state for step in self.steps}
        if states == {"done"}:
            return "done"
        return next((one for one in ("failed", "interrupted") if one in states), "running")

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Note why writing failed, and go on."""
        try:
            yield
        except OSError as error:
            self.lost = self.lost or error.strerror or str(error)

    def _write(self, name: str, value: object) -> None:
        with replacing(self.folder / name) as temporary:
            temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An earlier flash that did not come to its end."""

    folder: Path
    step: str
    state: str
    go_on_with: str


def last_unfinished(logs: Path, board: str) -> Unfinished | None:
    """Return how the last flash of a board broke off, None if it was finished."""
    for path in sorted(logs.glob(f"*-{board}/{STATE}"), reverse=True):
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            if state["state"] == "done" or (state["state"] == "running" and _lives(state["pid"])):
                return None
            step = next(one for one in state["steps"] if one["state"] != "done")
            was = "killed" if state["state"] == "running" else step["state"]
            return Unfinished(path.parent, step["name"], was, state["go_on_with"])
        except (OSError, ValueError, TypeError, KeyError, StopIteration):
            continue  # not a journal of ours
    return None


def new_folder(logs: Path, board: str) -> Path:
    """Return the folder for a flash that begins now."""
    return logs.absolute() / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%f}-{board}"


def now() -> str:
    """Return the time, UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
