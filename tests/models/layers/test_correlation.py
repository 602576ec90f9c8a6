"""Facts about comparing a search map with a template, against loops."""

import pytest
import torch

from thermedge.models.layers.correlation import cellwise_correlation, depthwise_correlation


@pytest.mark.parametrize("side", [1, 3, 5])
def test_depthwise_correlation_is_the_sum_of_shifted_products(side):
    search, kernel = torch.randn(2, 3, 7, 6), torch.randn(2, 3, side, side)
    reach = side // 2

    expected = torch.zeros_like(search)
    for y in range(7):
        for x in range(6):
            for down in range(-reach, reach + 1):
                for right in range(-reach, reach + 1):
                    if 0 <= y + down < 7 and 0 <= x + right < 6:  # beyond the border is zero
                        tap = kernel[:, :, reach + down, reach + right]
                        expected[:, :, y, x] += tap * search[:, :, y + down, x + right]

    torch.testing.assert_close(depthwise_correlation(search, kernel), expected)


def test_depthwise_correlation_keeps_pairs_and_channels_apart():
    search, kernel = torch.zeros(2, 3, 5, 5), torch.ones(2, 3, 3, 3)
    search[1, 2, 2, 2] = 1.0
    hit = depthwise_correlation(search, kernel).flatten(2).sum(2) > 0
    assert hit.nonzero().tolist() == [[1, 2]]


def test_cellwise_correlation_is_one_dot_product_per_pair_of_cells():
    search, cells = torch.randn(2, 4, 3, 5), torch.randn(2, 6, 4)
    response = cellwise_correlation(search, cells)
    assert response.shape == (2, 6, 3, 5)
    for pair in range(2):
        for cell in range(6):
            for y in range(3):
                for x in range(5):
                    expected = torch.dot(search[pair, :, y, x], cells[pair, cell])
                    torch.testing.assert_close(response[pair, cell, y, x], expected)
