"""Measure predicted boxes against the truth, by the convention of whichever toolkit is asked for.

Boxes are (N, 4) float arrays of x, y, w, h in px; a row with NaN is "no box". Toolkits agree
on the formulas and differ in what they do at the edges, which `Conventions` names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OVERLAPS: Floats = np.arange(21) / 20  # the success plot's thresholds
# The same as MATLAB makes 0:0.05:1, from both ends to the middle: four of them are off by one
# bit. IoUs of whole boxes are often equal to a threshold, so this is seen in the third decimal.
MATLAB_OVERLAPS: Floats = np.where(
    np.arange(21) <= 10, np.arange(21) * 0.05, 1 - np.arange(20, -1, -1) * 0.05
)
RELATIVE_ERRORS: Floats = np.arange(51) / 100  # the normalised precision plot's
_RELATIVE_AT = 20  # where it is quoted: RELATIVE_ERRORS[20] is 0.2


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a toolkit does where toolkits disagree.

    Whether a box's middle is x + w/2 or x + (w-1)/2 is no option: the difference of two
    middles is the same.
    """

    # The prediction of the first frame: counted as it is, counted as perfect, left out.
    first_frame: Literal["kept", "replaced", "skipped"] = "kept"
    # A prediction whose w or h is not above 0: a miss, as far off as its middle (IoU 0), or the
    # previous one once more. One with NaN is a miss where it is not repeated.
    invalid_prediction: Literal["miss", "kept", "repeat"] = "miss"
    # A frame without a usable truth: left out, or IoU -1 and errors -1, which is a miss for
    # success and a hit for precision.
    invalid_truth: Literal["skip", "hit"] = "skip"
    # A usable truth is finite with w and h above 0, or has all four values above 0.
    valid_truth: Literal["has_area", "all_positive"] = "has_area"
    bounded: bool = False  # cut both boxes to the frame before their IoU
    precision_px: float = 20.0  # the centre error at which precision is quoted
    precision_step_px: float = 1.0  # spacing of the 51 precision thresholds
    precision_within: Literal["<=", "<"] = "<="
    overlaps: Literal["exact", "matlab"] = "exact"  # OVERLAPS or MATLAB_OVERLAPS
    area: Literal["mean", "trapezoid"] = "mean"  # how the success curve becomes one number
    average: Literal["sequences", "frames"] = "sequences"  # what the mean is taken over

    @property
    def errors_px(self) -> Floats:
        """The precision plot's thresholds, (51,) px."""
        return np.linspace(0.0, 50 * self.precision_step_px, 51, dtype=np.float64)


# What this project reports for recordings in the plain form. The first prediction is what
# the tracker was given: replaced, a peer that rounds boxes to whole px is not charged for it.
PLAIN = Conventions(first_frame="replaced", invalid_prediction="repeat")
# The MATLAB toolkits of OTB, LSOTB-TIR and PTB-TIR, and that of LasHeR.
OTB = Conventions(
    first_frame="replaced",
    invalid_prediction="repeat",
    invalid_truth="hit",
    valid_truth="all_positive",
    overlaps="matlab",
)


@dataclass(frozen=True, slots=True)
class FrameErrors:
    """How far off each scored frame is; the arrays have one length."""

    iou: Floats  # [0, 1], or -1 (see Conventions.invalid_truth)
    error_px: Floats  # distance of the middles, px; inf for a miss without a box
    relative_error: Floats  # the same, x over the truth's w and y over its h

    def __len__(self) -> int:
        return len(self.iou)


@dataclass(frozen=True, slots=True)
class Score:
    """What a sequence, or all frames of many, come to. NaN where no frame was scored."""

    frames: int  # scored ones
    success: Floats  # (21,) share of frames with an IoU strictly above the thresholds
    precision: Floats  # (51,) share of frames with an error within Conventions.errors_px
    norm_precision: Floats  # (51,) share within RELATIVE_ERRORS
    success_auc: float  # area under `success`, [0, 1]
    precision_at: float  # precision at Conventions.precision_px
    norm_precision_at: float  # normalised precision at 0.2
    norm_precision_auc: float  # mean of `norm_precision`
    average_overlap: float  # AO: mean IoU, with frames of IoU -1 counted as 0
    success_50: float  # SR: share of frames with an IoU above 0.5
    success_75: float  # share above 0.75


def has_area(boxes: Floats) -> NDArray[np.bool_]:
    """Return which of (N, 4) boxes are finite and have w and h above 0, (N,)."""
    finite = np.isfinite(boxes).all(axis=1)
    with np.errstate(invalid="ignore"):  # NaN > 0 is False, which is meant
        return np.asarray(finite & (boxes[:, 2:] > 0).all(axis=1))


def iou(one: Floats, other: Floats) -> Floats:
    """Return intersection over union of (N, 4) boxes row by row, (N,) in [0, 1].

    NaN where a row has a NaN; 0 where a box has no area.
    """
    near = np.maximum(one[:, :2], other[:, :2])
    far = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    sides = np.maximum(far - near, 0.0)
    shared = sides[:, 0] * sides[:, 1]
    union = one[:, 2] * one[:, 3] + other[:, 2] * other[:, 3] - shared
    empty = (one[:, 2:] <= 0).any(axis=1) | (other[:, 2:] <= 0).any(axis=1)
    found: Floats = np.divide(shared, union, out=np.zeros(len(one)), where=~empty & (union != 0))
    return found


def center_offset(one: Floats, other: Floats) -> Floats:
    """Return the middles of (N, 4) boxes `one` minus those of `other`, (N, 2) px."""
    offset: Floats = (one[:, :2] + one[:, 2:] / 2) - (other[:, :2] + other[:, 2:] / 2)
    return offset


def measure(
    prediction: Floats,
    truth: Floats,
    conventions: Conventions = PLAIN,
    *,
    second_truth: Floats | None = None,
    frame_px: tuple[int, int] | None = None,
    visible: NDArray[np.bool_] | None = None,
) -> FrameErrors:
    """Compare the prediction with the truth in every frame that counts.

    A frame that has a usable truth in one of two cameras counts with that one: the RGB-T
    toolkits take the better of both in every frame, and leave none out. Only a frame without
    any goes by `Conventions.invalid_truth`.

    Args:
        prediction: (N, 4); row 0 belongs to the frame that the track started on.
        truth: (N, 4), the same frames.
        conventions: Of the toolkit whose numbers are wanted.
        second_truth: (N, 4) in a second camera's picture, where the better of both counts.
        frame_px: (width, height), needed where the convention is bounded.
        visible: (N,) frames that may count at all; all of them by default.

    Source: opacity-black/RGBT_toolkit, metrics/metrics.py read at its commit 16b3f7c.
    """
    errors = _errors(prediction, truth, conventions, frame_px)
    if second_truth is not None:
        errors = better_of(errors, _errors(prediction, second_truth, conventions, frame_px))
    counted = np.ones(len(truth), bool)
    if conventions.invalid_truth == "skip":
        counted &= errors.iou >= 0
    if visible is not None:
        counted &= visible
    if conventions.first_frame == "skipped":
        counted &= np.arange(len(truth)) > 0
    return FrameErrors(
        errors.iou[counted], errors.error_px[counted], errors.relative_error[counted]
    )


def state_accuracy(
    prediction: Floats,
    truth: Floats,
    absent: NDArray[np.bool_],
    says_absent: NDArray[np.bool_],
) -> float:
    """Return Anti-UAV's mean over frames: IoU where the target is there, else 1 if said so.

    A frame where the tracker says that there is no target counts 0 if there is one. Frames
    with neither a truth nor the label "absent" are left out.

    Args:
        prediction: (N, 4).
        truth: (N, 4).
        absent: (N,) frames that are labelled as without target.
        says_absent: (N,) frames where the tracker reports the target as lost.

    Source: ZhaoJ9014/Anti-UAV, Eval/test.py read at its commit 1e4dd18.
    """
    there = has_area(truth) & ~absent
    shown = has_area(prediction) & ~says_absent & there
    gained = np.zeros(len(truth))
    gained[shown] = iou(prediction[shown], truth[shown])
    gained[absent] = says_absent[absent]
    counted = there | absent
    return float(gained[counted].mean()) if counted.any() else float("nan")


def better_of(one: FrameErrors, other: FrameErrors) -> FrameErrors:
    """Return, frame by frame, the larger IoU and the smaller errors of two truths.

    That is how RGB-T benchmarks whose two cameras are not exactly aligned score: maximum
    success rate (MSR) and maximum precision rate (MPR). A truth that is missing in a frame, with
    -1 in all three, leaves that frame to the other one.
    """
    return FrameErrors(
        np.maximum(one.iou, other.iou),
        _smaller(one.error_px, other.error_px),
        _smaller(one.relative_error, other.relative_error),
    )


def _smaller(one: Floats, other: Floats) -> Floats:
    found: Floats = np.where(one < 0, other, np.where(other < 0, one, np.minimum(one, other)))
    return found


def joined(one: FrameErrors, other: FrameErrors) -> FrameErrors:
    """Return the frames of both, one after the other."""
    return FrameErrors(
        np.concatenate([one.iou, other.iou]),
        np.concatenate([one.error_px, other.error_px]),
        np.concatenate([one.relative_error, other.relative_error]),
    )


def score(errors: FrameErrors, conventions: Conventions = PLAIN) -> Score:
    """Turn frame errors into the curves and numbers that are reported."""
    strict = conventions.precision_within == "<"
    overlaps = MATLAB_OVERLAPS if conventions.overlaps == "matlab" else OVERLAPS
    success = share_above(errors.iou, overlaps)
    precision = share_within(errors.error_px, conventions.errors_px, strict=strict)
    norm = share_within(errors.relative_error, RELATIVE_ERRORS)
    quoted_px = np.array([conventions.precision_px])
    halves = share_above(errors.iou, np.array([0.5, 0.75]))
    return Score(
        frames=len(errors),
        success=success,
        precision=precision,
        norm_precision=norm,
        success_auc=_area(success, conventions.area),
        precision_at=float(share_within(errors.error_px, quoted_px, strict=strict)[0]),
        norm_precision_at=float(norm[_RELATIVE_AT]),
        norm_precision_auc=float(norm.mean()),
        average_overlap=float(np.maximum(errors.iou, 0).mean()) if len(errors) else float("nan"),
        success_50=float(halves[0]),
        success_75=float(halves[1]),
    )


def share_above(values: Floats, thresholds: Floats) -> Floats:
    """Return the share of `values` strictly above each threshold; NaN if there are none."""
    if not len(values):
        return np.full(len(thresholds), np.nan)
    return np.array([np.count_nonzero(values > t) for t in thresholds]) / len(values)


def share_within(values: Floats, thresholds: Floats, *, strict: bool = False) -> Floats:
    """Return the share of `values` at most (strict: below) each threshold."""
    if not len(values):
        return np.full(len(thresholds), np.nan)
    within = np.less if strict else np.less_equal
    return np.array([np.count_nonzero(within(values, t)) for t in thresholds]) / len(values)


def _repaired(prediction: Floats, truth: Floats, conventions: Conventions) -> Floats:
    prediction = np.array(prediction, np.float64)
    if conventions.first_frame == "replaced" and len(truth):
        prediction[0] = truth[0]
    return repeated(prediction) if conventions.invalid_prediction == "repeat" else prediction


def repeated(boxes: Floats) -> Floats:
    """Return (N, 4) boxes with every invalid row replaced by the last valid one before it.

    Rows before the first valid one stay invalid.
    """
    last = np.maximum.accumulate(np.where(has_area(boxes), np.arange(len(boxes)), 0))
    return boxes[last]


def bounded(boxes: Floats, frame_px: tuple[int, int]) -> Floats:
    """Return (N, 4) boxes cut to the frame of (width, height)."""
    size = np.asarray(frame_px, np.float64)
    near = np.clip(boxes[:, :2], 0.0, size)
    far = np.clip(boxes[:, :2] + boxes[:, 2:], 0.0, size)
    return np.hstack([near, far - near])


def _errors(
    prediction: Floats,
    truth: Floats,
    conventions: Conventions,
    frame_px: tuple[int, int] | None,
) -> FrameErrors:
    """Return the errors of all frames, -1 where the truth is invalid."""
    prediction = _repaired(prediction, truth, conventions)
    valid = _is_valid(truth, conventions)
    overlap, distance, relative = (np.full(len(truth), -1.0) for _ in range(3))
    shown, meant = prediction[valid], truth[valid]
    missing = ~np.isfinite(shown).all(axis=1)
    if conventions.invalid_prediction == "miss":
        missing = ~has_area(shown)
    offset = center_offset(shown, meant)
    cut = shown, meant
    if conventions.bounded:
        assert frame_px is not None, "bounded needs the frame's size"
        cut = bounded(shown, frame_px), bounded(meant, frame_px)
    overlap[valid] = np.where(missing, 0.0, iou(*cut))
    distance[valid] = np.where(missing, np.inf, np.hypot(offset[:, 0], offset[:, 1]))
    scaled = offset / meant[:, 2:]
    relative[valid] = np.where(missing, np.inf, np.hypot(scaled[:, 0], scaled[:, 1]))
    return FrameErrors(overlap, distance, relative)


def _is_valid(truth: Floats, conventions: Conventions) -> NDArray[np.bool_]:
    valid = has_area(truth)
    if conventions.valid_truth == "all_positive":
        valid &= (np.nan_to_num(truth[:, :2]) > 0).all(axis=1)
    return valid


def _area(curve: Floats, kind: str) -> float:
    if kind == "mean":
        return float(curve.mean())
    return float((curve[:-1] + curve[1:]).mean() / 2)
