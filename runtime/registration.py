"""Lay the picture of one camera over that of another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from thermedge.errors import SourceError

Picture = NDArray[np.uint8]  # (H, W)


class Registration:
    """Warps pictures of one size into the frame of another camera, without allocating.

    Pictures that shrink more than twofold are averaged over whole blocks first, so that
    fine texture does not alias. What the other camera does not see has the picture's mean.

    Args:
        homography: 3 x 3, from px of the picture to px of the frame; both count from the
            outer corner of the first pixel, whose middle is (0.5, 0.5).
        picture_px: (width, height).
        frame_px: (width, height).

    Raises:
        SourceError: The matrix is none, or takes the picture nowhere near the frame.
    """

    def __init__(
        self,
        homography: Sequence[Sequence[float]],
        *,
        picture_px: tuple[int, int],
        frame_px: tuple[int, int],
    ) -> None:
        matrix = checked(homography)
        width, height = picture_px
        self._shape, self._frame_px = (height, width), frame_px
        shrink = max(1, int(1 / max(_scale(matrix, frame_px), 1 / 64)))
        small = (max(width // shrink, 1), max(height // shrink, 1))
        self._small: Picture | None = None
        if small != picture_px:
            self._small = np.empty(small[::-1], np.uint8)
        blocks = np.diag([width / small[0], height / small[1], 1.0])
        # OpenCV counts from the middle of the first pixel.
        self._matrix = _shifted(-0.5) @ matrix @ blocks @ _shifted(0.5)
        seen = np.empty(frame_px[::-1], np.uint8)
        self.warp(np.full(self._shape, 255, np.uint8), seen, fill=0.0)
        if not seen.any():
            raise SourceError(
                f"The homography takes no pixel of the {width}x{height} picture into the "
                f"{frame_px[0]}x{frame_px[1]} frame.",
                "Give the matrix from px of the visible picture to px of the thermal one.",
            )

    def warp(self, picture: Picture, out: Picture, *, fill: float | None = None) -> None:
        """Fill `out` with the picture as the other camera would see it.

        Args:
            picture: (H, W) of the size that was told.
            out: Of the frame's size; overwritten.
            fill: Grey beyond the picture's border, its mean if not told.
        """
        if self._small is not None:
            size = self._small.shape[::-1]
            cv2.resize(picture, size, dst=self._small, interpolation=cv2.INTER_AREA)
            picture = self._small
        cv2.warpPerspective(
            picture,
            self._matrix,
            self._frame_px,
            dst=out,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=cv2.mean(picture)[0] if fill is None else fill,
        )


def checked(homography: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the matrix.

    Raises:
        SourceError: It is not 3 x 3, not finite, or can't be turned around.
    """
    rows = [len(row) for row in homography]
    remedy = "Give three rows of three numbers, as OpenCV's findHomography returns them."
    if rows != [3, 3, 3]:
        raise SourceError(f"The homography has rows of {rows} numbers, expected 3 x 3.", remedy)
    matrix = np.array(homography, np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        raise SourceError(f"The homography {matrix.tolist()} is not invertible.", remedy)
    return matrix


def _scale(matrix: NDArray[np.float64], frame_px: tuple[int, int]) -> float:
    """Return frame px per picture px in the middle of the frame."""
    to_picture = np.linalg.inv(matrix)
    x, y = frame_px[0] / 2, frame_px[1] / 2
    corners = np.array([[x, x + 1, x], [y, y, y + 1], [1, 1, 1]])
    u, v, w = to_picture @ corners
    if np.abs(w).min() < 1e-9:
        return 1.0
    u, v = u / w, v / w
    area = abs((u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0]))
    return 1 / math.sqrt(area) if area > 0 else 1.0


def _shifted(by: float) -> NDArray[np.float64]:
    return np.array([[1, 0, by], [0, 1, by], [0, 0, 1]])
