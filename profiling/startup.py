"""What a tracker needs in a process of its own: time to its first box, memory, disk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermedge.bundle import Bundle
from thermedge.errors import BackendError
from thermedge.frame import Frame
from thermedge.geometry import Box
from thermedge.profiling.subjects import Subject

_UPDATES = 100  # after which a tracker has all the memory that it takes
_WIDTH_PX, _HEIGHT_PX = 640, 512
_HIGHEST = "VmHWM:"


@dataclass(frozen=True, slots=True)
class Startup:
    """Of one process."""

    first_box_s: float  # from starting Python to the box of the first update
    first_box_cpu_s: float  # processor time of it, which other programs do not lengthen
    peak_rss_mib: float  # after a hundred updates
    backend: str
    precision: str


def measure(subject: Subject) -> Startup:
    """Run a tracker in a new Python, from its start to its first box and a little further.

    The frames are made up, 640x512 and 16 bit; all else is what track-camera does without a
    camera: import, verify the bundle, load both graphs, start a track, update it.

    Raises:
        BackendError: The process failed.
    """
    told = (
        str(subject.folder.absolute()),
        subject.backend,
        subject.precision,
        str(subject.threads),
    )
    began_s = time.monotonic()
    # From "/": Python would import a user's random.py in the present folder for its own.
    command = [sys.executable, "-m", __name__, *told]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        raise BackendError(
            f"The tracker does not run in a process of its own: {done.stderr.strip()[-300:]!r}.",
            f"See what it says: thermedge profile {subject.folder}",
        ) from error
    # CLOCK_MONOTONIC is one for all processes.
    return Startup(
        found["first_box_at_s"] - began_s,
        found["first_box_cpu_s"],
        found["peak_rss_mib"],
        found["backend"],
        found["precision"],
    )


def size_bytes(bundle: Bundle) -> int:
    """Return the size on disk of a bundle's files."""
    return sum(bundle.path(name).stat().st_size for name in bundle.manifest.files)


def peak_rss_mib(status: Path = Path("/proc/self/status")) -> float:
    """Return the most memory that this program ever held, MiB.

    getrusage would count what the parent held when it started us.
    """
    lines = status.read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(_HIGHEST))
    return int(line.removeprefix(_HIGHEST).split()[0]) / 1024


def _run(folder: str, backend: str, precision: str, threads: str) -> dict[str, object]:
    opened = Subject(Path(folder), backend, precision, int(threads)).open()
    random = np.random.default_rng(0)
    counts = random.integers(7900, 8100, (_HEIGHT_PX, _WIDTH_PX), np.uint16)
    counts[200:240, 300:340] += 600
    with opened.tracker as tracker:
        tracker.init(Frame(counts, 0, 0, bits=16), Box(300.0, 200.0, 40.0, 40.0))
        tracker.update(Frame(counts, 1, 33_000_000, bits=16))
        first_box_at_s, first_box_cpu_s = time.monotonic(), time.process_time()
        for index in range(2, _UPDATES):
            tracker.update(Frame(counts, index, index * 33_000_000, bits=16))
    return {
        "first_box_at_s": first_box_at_s,
        "first_box_cpu_s": first_box_cpu_s,
        "peak_rss_mib": peak_rss_mib(),
        "backend": opened.backend,
        "precision": opened.precision,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_run(*sys.argv[1:])))
