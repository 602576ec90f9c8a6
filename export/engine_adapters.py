"""What differs between the generations of TensorRT that Jetsons have; the builder has no ifs.

TensorRT 8.5 to 10.16 choose types by flags ("weak typing"): the fp32 graph becomes an FP16
engine. From 11 on, and in TensorRT-RTX, the graph alone says them ("strong typing").

Source: the names and signatures of the Python bindings 8.6.1, 10.3.0, 10.16.1 and 11.4.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thermedge.errors import BackendError
from thermedge.runtime.backends import trt_library

PRECISIONS = ("fp32", "fp16", "int8")

# Is told how far the build is, [0, 1]; what it returns says whether to go on.
Progress = Callable[[float], bool]


class TensorRT8:
    """TensorRT 8.5 and 8.6: batches must be asked for, errors have numbers, no progress."""

    is_strongly_typed = False
    keeps_timings = True

    def __init__(self, trt: Any) -> None:
        self.trt = trt

    def graph_precision(self, precision: str) -> str:
        """Return which of a bundle's graphs becomes an engine of this precision."""
        return "int8" if precision == "int8" else "fp32"

    def builder_flags(self, precision: str) -> tuple[str, ...]:
        """Return the BuilderFlags that let the engine use this precision."""
        return {"fp32": (), "fp16": ("FP16",), "int8": ("FP16", "INT8")}[precision]

    def network_flags(self) -> int:
        """Return the argument of `create_network`."""
        return 1 << int(self.trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)

    def watch(self, config: Any, progress: Progress) -> Any:
        """Report the build's progress; return what must live as long as the build."""
        return None

    def refusal(self, error: Any) -> str:
        """Return what the parser refuses, with the node."""
        return f"node {error.node()} (counted from 0): {error.desc()}"


class TensorRT10(TensorRT8):
    """TensorRT 10: batches are a matter of course, errors name the node, builds are watched."""

    def network_flags(self) -> int:
        """Return the argument of `create_network`."""
        return 0

    def watch(self, config: Any, progress: Progress) -> Any:
        """Report the build's progress; return what must live as long as the build."""
        config.progress_monitor = _monitor(self.trt, progress)
        return config.progress_monitor

    def refusal(self, error: Any) -> str:
        """Return what the parser refuses, with the node."""
        return f"node {error.node_name()!r} ({error.node_operator()}): {error.desc()}"


class TensorRT11(TensorRT10):
    """TensorRT 11: the graph says every type, there are no flags for it."""

    is_strongly_typed = True

    def graph_precision(self, precision: str) -> str:
        """Return which of a bundle's graphs becomes an engine of this precision."""
        return precision

    def builder_flags(self, precision: str) -> tuple[str, ...]:
        """Return no flags: the graph says it."""
        return ()


class TensorRTX(TensorRT11):
    """TensorRT-RTX: as TensorRT 11, but it chooses kernels when an engine is loaded."""

    keeps_timings = False


def adapter(trt: Any) -> TensorRT8:
    """Return the adapter of the installed TensorRT.

    Raises:
        BackendError: No generation that we know.
    """
    if "rtx" in trt.__name__:
        return TensorRTX(trt)
    major = trt_library.version(trt)[0]
    known = {8: TensorRT8, 10: TensorRT10, 11: TensorRT11}
    if major not in known:
        raise BackendError(
            f"TensorRT {trt.__version__} is not known here; 8.5 to 11 are.",
            "Upgrade thermedge on this board, or choose --backend ort",
        )
    return known[major](trt)


def _monitor(trt: Any, progress: Progress) -> Any:
    """Return TensorRT's progress monitor that tells `progress` one growing number."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._phases = Phases()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._phases.start(phase_name, parent_phase, num_steps)

        def phase_finish(self, phase_name: str) -> None:
            self._phases.finish(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._phases.step(phase_name, step)
            return progress(self._phases.done)

    return Monitor()


class Phases:
    """Turns nested phases of a build into one number that never falls.

    A phase fills the step of its parent during which it runs.
    """

    def __init__(self) -> None:
        self._running: dict[str, tuple[float, float, int]] = {}  # from, share, steps
        self._at: dict[str, int] = {}
        self.done = 0.0  # [0, 1]

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Note that a phase of so many steps began."""
        begin, share = (0.0, 1.0) if parent not in self._running else self._step_of(parent)
        self._running[name] = (begin, share, max(steps, 1))
        self._at[name] = 0

    def step(self, name: str, step: int) -> None:
        """Note that the step `step`, counted from 0, of a phase is done."""
        if name in self._running:
            self._at[name] = step + 1
            begin, share = self._step_of(name)
            self.done = max(self.done, min(begin, 1.0))

    def finish(self, name: str) -> None:
        """Note that a phase is over."""
        begin, share, _ = self._running.pop(name, (0.0, 0.0, 1))
        self._at.pop(name, None)
        self.done = max(self.done, min(begin + share, 1.0))

    def _step_of(self, name: str) -> tuple[float, float]:
        """Return where the present step of a phase begins, and its share of the whole."""
        begin, share, steps = self._running[name]
        return begin + share * self._at[name] / steps, share / steps
