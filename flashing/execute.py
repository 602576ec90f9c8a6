"""Carry a plan out: NVIDIA's programs one after the other, watched and logged."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from thermedge.errors import BoardError, ThermedgeError
from thermedge.flashing import failures, milestones
from thermedge.flashing.failures import Failure
from thermedge.flashing.journal import Journal
from thermedge.flashing.plan import Plan, Step

Kind = Literal["step", "line", "milestone", "failure"]
Tell = Callable[[Kind, str], None]

HIDDEN = "(a line about a password, not shown and not kept)"
_PASSWORD = re.compile(r"passw", re.IGNORECASE)
_LINE_END = re.compile(r"\r?\n|\r(?!$)")  # a last \r may be half of \r\n
_ENDS = (signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 10.0  # NVIDIA's scripts unmount what they mounted when they are asked to end
_IDLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    Args:
        step: The step that did not end well; None: all did.
        failures: Known texts that it wrote, in order; the first tells most.
    """

    state: Literal["done", "failed", "interrupted"]
    step: str | None = None
    problem: str = ""
    failures: tuple[Failure, ...] = ()


def run(
    plan: Plan,
    journal: Journal,
    *,
    actions: Mapping[str, Callable[[], None]],
    tell: Tell,
) -> Outcome:
    """Do all steps in order, until one fails.

    Nothing is tried twice: after an error the board has to be started again anyway. SIGINT,
    SIGTERM and SIGHUP end the running program and are noted; SIGKILL leaves a journal that
    says which step ran.

    Args:
        actions: What to call for a step without a program, by the step's name.
        tell: Is called with what happens: a step's summary, a line of a program, ... It must
            not raise: that would end the program that writes the board.

    Raises:
        BoardError: Another flash runs in the same folder.
    """
    with _alone(plan.cwd), _signals_interrupt():
        for step in plan.steps:
            outcome = _do(step, plan.cwd, journal, actions, tell)
            if outcome is not None:
                return outcome
    return Outcome("done")


def _do(
    step: Step,
    cwd: Path,
    journal: Journal,
    actions: Mapping[str, Callable[[], None]],
    tell: Tell,
) -> Outcome | None:
    """Do one step; return None when it went well."""
    tell("step", step.summary)
    journal.begin(step.name, step.argv)
    try:
        if step.argv:
            return _program(step, cwd, journal, tell)
        actions[step.name]()
    except KeyboardInterrupt:
        journal.end(step.name, "interrupted")
        return Outcome("interrupted", step.name, f"The step {step.name} was interrupted.")
    except ThermedgeError as error:
        journal.line(str(error))
        journal.end(step.name, "failed")
        failure = Failure(step.name, "", error.problem, error.remedy)
        return Outcome("failed", step.name, error.problem, (failure,))
    journal.end(step.name, "done")
    return None


def _program(step: Step, cwd: Path, journal: Journal, tell: Tell) -> Outcome | None:
    seen: dict[str, Failure] = {}
    is_told_success, milestone = step.success is None, None
    with _Program(step.argv, cwd=cwd, env=step.env) as program:
        for line, is_whole in program.lines():
            words = milestones.reached(line)
            if words is not None and words != milestone:
                milestone = words
                tell("milestone", words)
            if not is_whole:
                continue
            shown = HIDDEN if step.hides_passwords and _PASSWORD.search(line) else line
            journal.line(shown)
            tell("line", shown)
            if step.success is not None and step.success in line:
                is_told_success = True
            failure = failures.recognised(line)
            if failure is not None and failure.name not in seen:
                seen[failure.name] = failure
                tell("failure", failure.meaning)
        status = program.status()
    if status == 0 and is_told_success:
        journal.end(step.name, "done", status=status)
        return None
    if not seen and (failure := failures.of_status(status)) is not None:
        seen[failure.name] = failure
    journal.end(step.name, "failed", status=status, failures=seen)
    told = f"ended with status {status}" if status else f"never wrote {step.success!r}"
    return Outcome("failed", step.name, f"{step.argv[0]} {told}.", tuple(seen.values()))


class _Program:
    """One running program and everything it started; leaving it early ends all of it."""

    def __init__(self, argv: tuple[str, ...], *, cwd: Path, env: Mapping[str, str]) -> None:
        try:
            # A group of its own: an interrupt reaches us alone, and we end all of it.
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BoardError(
                f"{argv[0]} can't be started in {cwd}: {error.strerror}.",
                "Unpack Linux_for_Tegra again, as root.",
            ) from error

    def __enter__(self) -> _Program:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._end()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def lines(self) -> Iterator[tuple[str, bool]]:
        """Yield every line, and unfinished ones with False as they grow.

        Ends with the program, even if something it left in the background holds its output.
        """
        assert self._process.stdout is not None
        decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if not waiting.select(_IDLE_S):
                    if self._process.poll() is not None:
                        break
                    continue
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                if not data:
                    break
                *whole, rest = _LINE_END.split(rest + decoder.decode(data))
                yield from ((line, True) for line in whole)
                if rest:
                    yield rest, False
        if rest:
            yield rest, True

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        return self._process.wait()

    def _end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(_GRACE_S)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on Linux_for_Tegra: its scripts share temporary names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BoardError(
            f"Another flash runs in {folder}.", "Wait for its end, or use a copy of the folder."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Turn the signals that would end us silently into an interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
