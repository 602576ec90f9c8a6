"""Facts about the convolution on a cell's own box, against loops."""

import math

import pytest
import torch
from torch.nn import functional

from thermedge.models.layers.aligned_sampling import AlignedSampling, nine_points

STRIDE_PX = 8


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(8)


def bilinear(plane, y, x):
    """Return channels (C,) at a place given in cells from the first middle; 0 beyond the border."""
    total = torch.zeros(len(plane))
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < plane.shape[1] and 0 <= column < plane.shape[2]:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                total += share * plane[:, row, column]
    return total


def deformable(features, kernel, ltrb):
    """A 3x3 convolution (O, C, 3, 3) sampled at nine places of every cell's box, cell by cell."""
    batch, _, side, _ = features.shape
    result = torch.zeros(batch, len(kernel), side, side)
    for pair in range(batch):
        for i in range(side):
            for j in range(side):
                left, top, right, bottom = (ltrb[pair, :, i, j] / STRIDE_PX).tolist()
                for y, row in enumerate((i - top, i + (bottom - top) / 2, i + bottom)):
                    for x, column in enumerate((j - left, j + (right - left) / 2, j + right)):
                        seen = bilinear(features[pair], row, column)
                        result[pair, :, i, j] += kernel[:, :, y, x] @ seen
    return result


@torch.no_grad()
def test_it_is_a_deformable_convolution_on_the_predicted_box():
    layer = AlignedSampling(3, 4).eval()
    layer.mix.norm.weight.fill_((1 + layer.mix.norm.eps) ** 0.5)  # the norm does nothing
    features = torch.randn(2, 3, 6, 6)
    ltrb = torch.rand(2, 4, 6, 6) * 30 + 0.5  # many reach past the border

    came = layer(features, ltrb, STRIDE_PX)

    kernel = layer.mix.kernel().reshape(4, 3, 3, 3)
    expected = torch.relu(deformable(features, kernel, ltrb))
    torch.testing.assert_close(came, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_boxes_of_two_cells_a_side_give_the_ordinary_convolution():
    layer = AlignedSampling(3, 4).eval()
    layer.mix.norm.weight.fill_((1 + layer.mix.norm.eps) ** 0.5)
    features = torch.randn(1, 3, 7, 7)
    came = layer(features, torch.full((1, 4, 7, 7), float(STRIDE_PX)), STRIDE_PX)
    kernel = layer.mix.kernel().reshape(4, 3, 3, 3)
    expected = torch.relu(functional.conv2d(features, kernel, padding=1))
    torch.testing.assert_close(came, expected, rtol=1e-4, atol=1e-5)


def test_the_points_are_corners_edges_and_the_middle_of_the_box():
    ltrb = torch.zeros(1, 4, 20, 20)
    ltrb[0, :, 7, 11] = torch.tensor([10.0, 20.0, 30.0, 40.0])
    points = (nine_points(ltrb, STRIDE_PX).reshape(3, 3, 20, 20, 2)[:, :, 7, 11] + 1) * 80
    x, y = 11.5 * STRIDE_PX, 7.5 * STRIDE_PX
    expected = torch.tensor(
        [[[x + dx, y + dy] for dx in (-10, 10, 30)] for dy in (-20, 10, 40)]  # window px
    )
    torch.testing.assert_close(points, expected, rtol=1e-4, atol=1e-3)


def test_it_learns_from_features_and_box():
    layer = AlignedSampling(3, 4)
    features, ltrb = torch.randn(2, 3, 6, 6), torch.rand(2, 4, 6, 6) * 30
    features.requires_grad_()
    ltrb.requires_grad_()
    layer(features, ltrb, STRIDE_PX).square().sum().backward()
    for tensor in (features, ltrb, *layer.parameters()):
        assert tensor.grad.abs().sum() > 0


def test_half_precision_features_are_sampled_at_full_precision():
    layer = AlignedSampling(3, 4).eval()
    features, ltrb = torch.randn(1, 3, 6, 6), torch.rand(1, 4, 6, 6) * 30
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        came = layer(features.bfloat16(), ltrb, STRIDE_PX).float()
    with torch.no_grad():
        expected = layer(features, ltrb, STRIDE_PX)
    assert (came - expected).abs().max() < 0.05 * expected.abs().max()
