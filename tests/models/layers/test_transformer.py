"""Facts about transformer layers that also look at what was kept."""

import pytest
import torch

from thermedge.models.layers.transformer import Block


@pytest.fixture
def block():
    torch.manual_seed(0)
    block = Block(12, 3).eval()
    for weight in block.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return block


def by_the_book(block, tokens, others):
    """Attention of each token over `others` and all tokens, in loops and double precision."""
    heads, width = block.heads, tokens.shape[-1] // block.heads
    double = block.double()
    tokens, others = tokens.double(), others.double()
    seen, known = double.norm_seen(tokens), double.norm_seen(others)
    everything = torch.cat([known, seen], 0)
    q, k, v = double.query(seen), double.key(everything), double.value(everything)
    looked = torch.zeros_like(tokens)
    for row in range(len(tokens)):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            logits = torch.stack([q[row, part] @ key for key in k[:, part]]) / width**0.5
            looked[row, part] = (logits.softmax(0)[:, None] * v[:, part]).sum(0)
    tokens = tokens + double.out(looked)
    return tokens + double.feed(double.norm_feed(tokens))


@torch.no_grad()
def test_it_is_attention_over_kept_and_own_tokens(block):
    tokens, others = torch.randn(5, 12), torch.randn(4, 12)
    _, kept = block(others[None])
    came, _ = block(tokens[None], kept)
    torch.testing.assert_close(
        came[0].double(), by_the_book(block, tokens, others), rtol=1e-4, atol=1e-4
    )


@torch.no_grad()
def test_kept_tokens_do_not_depend_on_who_looks(block):
    template = torch.randn(2, 4, 12)
    alone, kept = block(template)
    for _ in range(2):
        block(torch.randn(2, 5, 12), kept)
        again, kept_again = block(template)
        assert torch.equal(alone, again)
        assert all(torch.equal(a, b) for a, b in zip(kept, kept_again, strict=True))


@torch.no_grad()
def test_each_of_a_batch_is_on_its_own(block):
    tokens, others = torch.randn(3, 5, 12), torch.randn(3, 4, 12)
    _, kept = block(others)
    together, _ = block(tokens, kept)
    for i in range(3):
        alone, _ = block(tokens[i : i + 1], tuple(part[i : i + 1] for part in kept))
        torch.testing.assert_close(alone[0], together[i], rtol=1e-5, atol=1e-5)


def test_every_parameter_learns(block):
    _, kept = block(torch.randn(2, 4, 12))
    came, _ = block(torch.randn(2, 5, 12), kept)
    came.square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in block.parameters())
