"""Facts about tensor specifications."""

import numpy as np
import pytest

from thermedge.errors import BackendError
from thermedge.tensors import TensorSpec

SPEC = TensorSpec("search", (1, 1, 8, 8))


def test_an_array_of_the_right_shape_and_dtype_passes() -> None:
    SPEC.check(np.zeros((1, 1, 8, 8), np.float32))


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.zeros((1, 1, 8, 9), np.float32), "float32 (1, 1, 8, 9)"),
        (np.zeros((1, 8, 8), np.float32), "float32 (1, 8, 8)"),
        (np.zeros((1, 1, 8, 8)), "float64 (1, 1, 8, 8)"),
        (np.zeros((1, 1, 8, 8), np.float16), "float16 (1, 1, 8, 8)"),
        (np.zeros((1, 1, 8, 8), ">f4"), ">f4 (1, 1, 8, 8)"),
    ],
)
def test_another_array_is_refused_with_what_came_and_what_was_expected(
    array: np.ndarray, came: str
) -> None:
    with pytest.raises(BackendError) as caught:
        SPEC.check(array)
    assert caught.value.problem == f"Tensor 'search': came {came}, expected float32 (1, 1, 8, 8)."
