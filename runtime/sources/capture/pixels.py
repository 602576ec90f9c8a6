"""How V4L2's pixel formats lie in memory, and how their counts are taken out."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermedge.frame import Counts

# u8: one plane of bytes, or the first plane of several. luma_first, luma_second: packed
# 4:2:2, of which every other byte is brightness. first_of_four: grey in each colour.
Decode = Literal["u16le", "u16be", "u8", "luma_first", "luma_second", "first_of_four"]


class _Packing(NamedTuple):
    dtype: str
    step: int  # bytes from pixel to pixel
    offset: int  # byte of the first pixel in its row


_PACKINGS: dict[Decode, _Packing] = {
    "u16le": _Packing("<u2", 2, 0),
    "u16be": _Packing(">u2", 2, 0),
    "u8": _Packing("u1", 1, 0),
    "luma_first": _Packing("u1", 2, 0),
    "luma_second": _Packing("u1", 2, 1),
    "first_of_four": _Packing("u1", 4, 0),
}
# Formats whose colour planes follow the grey one and add half of its rows (4:2:0).
_HALF_MORE = ("NV12", "NV21", "YU12", "YV12")
_BIG_ENDIAN = 1 << 31  # V4L2's mark for the same code with the bytes swapped


def fourcc(name: str) -> int:
    """Return V4L2's number of a format's name, `Y16`, `Y16_BE` or `GREY`."""
    plain = name.removesuffix("_BE")
    code = int.from_bytes(plain.ljust(4).encode("ascii"), "little")
    return code | _BIG_ENDIAN if plain != name else code


def format_name(code: int) -> str:
    """Return the name of V4L2's number; bytes that are no text show as hex."""
    name = (code & ~_BIG_ENDIAN).to_bytes(4, "little").rstrip(b" \0")
    if not name.isalnum():
        return f"0x{code:08x}"
    return name.decode("ascii") + ("_BE" if code & _BIG_ENDIAN else "")


def row_bytes(decode: Decode, width_px: int) -> int:
    """Return the bytes that one row of pixels takes at least."""
    return _PACKINGS[decode].step * width_px


def picture_bytes(name: str, stride: int, rows: int) -> int:
    """Return the bytes of a whole picture of format `name`, colour planes included."""
    return stride * (rows + -(-rows // 2) if name in _HALF_MORE else rows)


def count_dtype(decode: Decode) -> type[Any]:
    """Return the dtype of decoded counts: uint8 or uint16."""
    return np.uint8 if _PACKINGS[decode].dtype == "u1" else np.uint16


def pixels(
    memory: Any, decode: Decode, *, width_px: int, first_row: int, num_rows: int, stride: int
) -> NDArray[Any]:
    """Return the counts of some rows as a view of the driver's memory."""
    dtype, step, offset = _PACKINGS[decode]
    return np.ndarray(
        (num_rows, width_px), dtype, memory, first_row * stride + offset, (stride, step)
    )


def take_out(view: NDArray[Any], out: Counts, *, shift: int = 0) -> None:
    """Copy counts out of the driver's memory in one pass, `shift` bits down."""
    if shift:
        np.right_shift(view, shift, out=out, casting="unsafe")
    else:
        np.copyto(out, view)
