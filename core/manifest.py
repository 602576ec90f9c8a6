"""Everything the runtime must know about one tracker; what differs between trackers is here."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from thermedge.records import RecordError
from thermedge.tensors import TensorSpec

FORMAT = 1  # raised when a reader of the old format would misread the new one


def _ask(is_right: bool, where: str, came: object, expected: str) -> None:
    if not is_right:  # nan is right nowhere
        raise RecordError(f"{where} is {came}, expected {expected}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CropSpec:
    """How the square windows are cut: side = factor * sqrt(target w * target h).

    Raises:
        RecordError: A number is not above 0.
    """

    template_px: int  # side of the template window fed to the network
    search_px: int  # side of the search window fed to the network
    template_factor: float
    search_factor: float

    def __post_init__(self) -> None:
        """Refuse windows without a side."""
        for name in self.__slots__:
            _ask(getattr(self, name) > 0, f"crop.{name}", getattr(self, name), "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingSpec:
    """How sensor counts become the [0, 1] that the network sees.

    8-bit streams come out of a camera's own AGC and pass through as count / 255. Wider
    counts are stretched between two percentiles of the frame, damped in time.

    Raises:
        RecordError: The percentiles are none, or a span or time is not above 0.
    """

    low_percent: float  # percentile that becomes 0
    high_percent: float  # percentile that becomes 1
    min_span_counts: float  # the stretch never goes below this span, so noise stays noise
    expand_s: float  # time constant while the range grows: a hot object enters
    contract_s: float  # time constant while it shrinks

    def __post_init__(self) -> None:
        """Refuse what would divide by 0 on the first frame without a contrast."""
        percents = (self.low_percent, self.high_percent)
        is_range = 0 <= self.low_percent <= self.high_percent <= 100
        _ask(is_range, "scaling", percents, "two percentiles, the lower one first")
        for name in ("min_span_counts", "expand_s", "contract_s"):
            _ask(getattr(self, name) > 0, f"scaling.{name}", getattr(self, name), "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """How the track graph's maps become a box."""

    # centre: maps of score, offset, size and spread, and change where the graph has it.
    # ltrb: score, and the distances from each cell's middle to the left, top, right and
    # bottom edge in search-window px.
    kind: Literal["centre", "ltrb"]
    stride_px: int  # search-window px between neighbouring cells
    size: Literal["template", "window"]  # size map: ln(size / template target size); or px
    spread: float = 0.0  # ltrb: assumed Laplace scale of ln(size), which has no map


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSpec:
    """The constants of the online loop.

    Raises:
        RecordError: A number is outside what its line says.
    """

    window_weight: float  # how much a cell at the window's edge is held back, [0, 1]
    sure_score: float  # at or above: state "tracking"
    accept_score: float  # at or above: the box moves; below: the target is missing
    size_step: float  # share of a new size measurement taken per frame, (0, 1]
    size_prior: float  # how far the size is expected to leave the first one, ln, until it does
    velocity_step: float  # share of a new centre step taken into the velocity, (0, 1]
    scan_after_frames: int  # missing frames before the rest of the frame is scanned, >= 1
    # Scan windows looked at per missing frame. With the usual window, and one closer look at
    # a weak hit, no frame costs more than two inferences above this number.
    scan_windows: int
    scan_widening: float  # side of a scan window over the side of a search window, > 0
    reach_step: float  # how much further a scan believes per missing frame, search windows
    reacquire_score: float  # a scan hit must reach this
    lost_after_frames: int  # missing frames before the state is "lost"
    confirm_frames: int = 5  # sure frames after a loss before anything is remembered again
    give_up_after_s: float = 0.0  # how long a missing target is searched for; 0: for ever

    def __post_init__(self) -> None:
        """Refuse what would stop a track in the middle, or find the target again and again."""
        _ask(0 <= self.window_weight <= 1, "loop.window_weight", self.window_weight, "from 0 to 1")
        for name in ("size_step", "velocity_step"):
            step = getattr(self, name)
            _ask(0 < step <= 1, f"loop.{name}", step, "above 0, at most 1")
        after = self.scan_after_frames
        _ask(after >= 1, "loop.scan_after_frames", after, "1 or more")
        _ask(self.scan_widening > 0, "loop.scan_widening", self.scan_widening, "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySpec:
    """How the template follows the target's appearance."""

    # blend: (1 - weight) * first + weight * newest.
    # context: the first template again, beside the newest surroundings.
    kind: Literal["none", "blend", "context"]
    every_frames: int = 0
    min_score: float = 1.0
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """How tokens are kept in the track inputs `store`, `store_bias` and `store_age`."""

    min_quality: float  # a token of a worse frame is not kept, [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec:
    """The inputs and outputs of one ONNX graph."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCredit:
    """One source of training data, with what its licence asks for."""

    name: str
    licence: str
    credit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the weights came from."""

    commit: str  # of the code that exported
    checkpoint_sha256: str
    recipe: str  # the recipe's name
    samples: int  # training pairs seen
    seed: int
    date: str  # ISO 8601, UTC
    data: tuple[DataCredit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The largest absolute differences of one graph output between two forms of it."""

    fused: float  # branches merged against branches apart, both in torch
    onnx: float  # ONNX Runtime against fused torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Spec:
    """How the INT8 graphs were made, and what they cost in tracking accuracy."""

    method: str  # how ranges were chosen: minmax, percentile, entropy
    calibration_sha256: str
    calibration_windows: int  # search windows that ranges were taken from
    clips: int  # labelled recordings, apart from those, that accuracy was measured on
    budget: float  # mean success AUC that was allowed to be lost
    success_auc: dict[str, float]  # "fp32", "int8", and each range method that was tried
    lost: float  # fp32 - int8, mean over the clips
    lost_low: float  # its paired bootstrap 95 % interval
    lost_high: float
    layers: int  # weighted layers of both graphs that compute in INT8
    mac_share: float  # of the track graph's multiply-accumulates that are INT8, [0, 1]
    floating: dict[str, str]  # weighted layers that do not -> why
    # Largest absolute difference to fp32 per output on the golden vectors, by ONNX Runtime:
    # an engine that is much further off computes something else.
    gaps: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSpec:
    """What a score is worth: how often boxes of that score lie on the target.

    A box is right when it overlaps the true one by an IoU of 0.5 or more.

    Raises:
        RecordError: The knots do not ascend, or a probability is none.
    """

    knots: tuple[tuple[float, float], ...]  # (score, probability); linear between, flat beyond
    coasting: float  # probability of a predicted box; 0 where too few were seen to tell
    clips: int  # labelled recordings that all this was counted on
    frames: int  # of them, with a measured box and a label
    # Expected calibration error over ten bins of equally many frames: of the score taken as
    # a probability, and of the knots, on clips that they were not fitted to.
    error_before: float
    error_after: float
    source: str  # which recordings, in which precision and engine

    def __post_init__(self) -> None:
        """Refuse what the runtime would read as nonsense."""
        if not self.knots:
            raise RecordError("confidence.knots is empty, expected one knot or more")
        values = (*(value for knot in self.knots for value in knot), self.coasting)
        if not all(0 <= value <= 1 for value in values):
            raise RecordError("confidence holds a number that is not from 0 to 1")
        for (score, chance), (next_score, next_chance) in pairwise(self.knots):
            if not (score < next_score and chance <= next_chance):
                raise RecordError(f"confidence.knots does not ascend after the score {score:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle is: read once at load, never guessed."""

    format: int
    name: str
    tracker: str  # the network's family
    size: str  # "nano", "base"
    crop: CropSpec
    scaling: ScalingSpec
    head: HeadSpec
    loop: LoopSpec
    memory: MemorySpec
    template: GraphSpec
    track: GraphSpec
    cached: dict[str, str]  # track input <- template output, constant between templates
    precision: Literal["fp32", "int8"]  # what runs where nothing else is asked for
    files: dict[str, str]  # file name -> sha256
    origin: Origin
    parity: dict[str, Parity]  # output name -> differences
    licence: str
    carried: dict[str, str] = field(default_factory=dict)  # track input <- track output before
    initial: dict[str, str] = field(default_factory=dict)  # carried input <- template output
    tokens: TokenSpec | None = None
    int8: Int8Spec | None = None
    confidence: ConfidenceSpec | None = None
