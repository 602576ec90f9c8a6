"""Facts about windows that are cut from windows."""

import cv2
import numpy as np
import torch

from thermedge.models.layers.cut import cut_square
from thermedge.runtime.crop import Cropper, Window


def test_it_cuts_what_the_runtime_cuts():
    drawn = np.random.default_rng(0).random((160, 160), dtype=np.float32)
    picture = cv2.GaussianBlur(drawn, (0, 0), 2)
    for x, y, side in ((80.0, 80.0, 88.0), (70.3, 81.9, 79.2), (52.5, 110.0, 60.0)):
        expected = np.empty((88, 88), np.float32)
        Cropper().cut(picture, Window(x, y, side, 88), low=0, high=1, out=expected)

        cut = cut_square(
            torch.from_numpy(picture)[None, None], torch.tensor([[x, y]]), torch.tensor([side]), 88
        )

        np.testing.assert_allclose(cut[0, 0], expected, atol=1e-5)


def test_each_window_has_its_own_square():
    windows = torch.rand(2, 1, 40, 40)
    middles, sides = torch.tensor([[20.0, 20.0], [10.0, 25.0]]), torch.tensor([8.0, 16.0])

    both = cut_square(windows, middles, sides, 8)

    torch.testing.assert_close(both[0], windows[0, :, 16:24, 16:24])
    alone = cut_square(windows[1:], middles[1:], sides[1:], 8)
    torch.testing.assert_close(both[1:], alone)
