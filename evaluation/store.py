"""The folder where results are kept, so that an evaluation can go on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from thermedge.errors import ThermedgeError
from thermedge.evaluation import environment, results
from thermedge.evaluation.contenders import Contender
from thermedge.evaluation.plan import Plan
from thermedge.evaluation.results import Result
from thermedge.evaluation.sequences import Sequence
from thermedge.files import replacing

_CONDITIONS = "conditions.json"


@dataclass(frozen=True, slots=True)
class Store:
    """FOLDER/RUN/conditions.json beside FOLDER/RUN/GROUP/SEQUENCE.csv.

    Several shards may write to one folder: no two write the same file. Results from other
    machines are merged by reading their folders too.
    """

    folder: Path
    others: tuple[Path, ...] = ()  # further folders to read from, never written

    def prepare(self, contender: Contender, plan: Plan) -> None:
        """Note the conditions of a contender's results, or compare them with those noted.

        Raises:
            ThermedgeError: The folder holds results of another tracker or protocol.
        """
        wanted = {**contender.identity, "protocol": plan.title, "protocol_digest": plan.digest}
        for folder in (self.folder, *self.others):
            self._compare(folder / contender.run_name / _CONDITIONS, wanted)
        path = self.folder / contender.run_name / _CONDITIONS
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"results": wanted, "run": environment.described()}, indent=2)
            with replacing(path) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")

    def _compare(self, path: Path, wanted: dict[str, str]) -> None:
        if not path.exists():
            return
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))["results"]
        except (ValueError, KeyError, TypeError) as error:
            raise ThermedgeError(
                f"{path} is damaged: {error!r}.", f"Remove {path.parent}, and run again."
            ) from error
        for key in sorted({*noted, *wanted}):
            if noted.get(key) != wanted.get(key):
                raise ThermedgeError(
                    f"{path.parent} holds results with {key} {noted.get(key)!r}, "
                    f"now it is {wanted.get(key)!r}.",
                    "Give another folder with --out, or remove that one.",
                )

    def conditions(self, contender: Contender) -> dict[str, dict[str, str]]:
        """Return what `prepare` noted: "results" and "run"."""
        text = (self.folder / contender.run_name / _CONDITIONS).read_text(encoding="utf-8")
        noted: dict[str, dict[str, str]] = json.loads(text)
        return noted

    def is_done(self, contender: Contender, sequence: Sequence) -> bool:
        """Return whether a sequence needs no run; one whose tracker threw gets another."""
        result = self.load(contender, sequence)
        return result is not None and not result.error

    def load(self, contender: Contender, sequence: Sequence) -> Result | None:
        """Return the result of a sequence, None if there is none or its labels changed.

        Raises:
            DatasetError: The file is damaged.
        """
        for folder in (self.folder, *self.others):
            path = _file(folder, contender, sequence)
            if path.is_file():
                result = results.read(path)
                if result.labels == sequence.digest:
                    return result
        return None

    def save(self, contender: Contender, sequence: Sequence, result: Result) -> None:
        """Keep the result of a sequence."""
        results.write(_file(self.folder, contender, sequence), result)


def _file(folder: Path, contender: Contender, sequence: Sequence) -> Path:
    group = sequence.group.replace("/", "_")
    return folder / contender.run_name / group / f"{sequence.name}.csv"
