"""Facts about attention."""

import pytest
import torch
from torch.nn import functional

from thermedge.models.layers.attention import Attention


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return Attention(12, 3).eval()


@torch.no_grad()
def test_it_is_scaled_dot_product_attention_per_head(attention):
    queries, keys = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    split = [
        layer(x).unflatten(-1, (3, 4)).transpose(1, 2)
        for layer, x in (
            (attention.query, queries),
            (attention.key, keys),
            (attention.value, keys),
        )
    ]
    seen = functional.scaled_dot_product_attention(*split)
    expected = attention.out(seen.transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(queries, keys), expected)


@torch.no_grad()
def test_a_hidden_key_changes_nothing(attention):
    queries, keys = torch.randn(1, 5, 12), torch.randn(1, 7, 12)
    bias = torch.zeros(1, 1, 7)
    bias[..., 5:] = -1e4
    torch.testing.assert_close(attention(queries, keys, bias), attention(queries, keys[:, :5]))


@pytest.mark.parametrize("queries", [1, 5])
@torch.no_grad()
def test_folded_it_is_the_same_function(attention, queries):
    queries, keys = torch.randn(2, queries, 12), torch.randn(2, 7, 12)
    torch.testing.assert_close(attention.folded()(queries, keys), attention(queries, keys))
