"""Facts about scans, against the recurrence they stand for, in double precision."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from thermedge.models.layers.scan import (
    BidirectionalScan,
    backward_order,
    before_mask,
    chunked_scan,
    decays,
    forward_order,
    from_rows,
    mixing,
    rows_of,
    scan,
)


def one_by_one(values, log_decay, write, read):
    """The recurrence itself: (L, P), (L,), (L, N), (L, N) in float64."""
    values, log_decay, write, read = (x.double() for x in (values, log_decay, write, read))
    state = torch.zeros(values.shape[-1], write.shape[-1], dtype=torch.float64)
    results = []
    for v, a, w, r in zip(values, log_decay, write, read, strict=True):
        state = a.exp() * state + v[:, None] * w
        results.append(state @ r)
    return torch.stack(results)


def drawn(length, *, seed=0, fastest=16.0, width=6, states=4):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(length, width, generator=generator)
    log_decay = -fastest * torch.rand(length, generator=generator) ** 4  # long memories too
    write, read = (torch.randn(length, states, generator=generator) for _ in range(2))
    return values, log_decay, write, read


def worst(came, expected):
    return float((came - expected).abs().max() / expected.abs().max())


@given(st.integers(1, 64), st.floats(0.01, 500), st.integers(0, 2**31))
def test_a_scan_equals_the_recurrence(length, fastest, seed):
    parts = drawn(length, seed=seed, fastest=fastest)
    came = scan(*parts, forward_order(length, parts[0]))
    assert worst(came, one_by_one(*parts)) < 1e-4


@given(st.integers(1, 64), st.integers(0, 2**31))
def test_the_transposed_mask_scans_backwards(length, seed):
    parts = drawn(length, seed=seed)
    came = scan(*parts, backward_order(length, parts[0]))
    expected = one_by_one(*(part.flip(0) for part in parts)).flip(0)
    assert worst(came, expected) < 1e-4


@given(st.permutations(range(17)), st.integers(0, 2**31))
def test_any_order_as_a_mask_equals_elements_that_were_moved(order, seed):
    parts = drawn(17, seed=seed)
    order = torch.tensor(order)
    rank = order.argsort()
    came = scan(*parts, (rank[None, :] <= rank[:, None]).float())
    expected = one_by_one(*(part[order] for part in parts))[rank]
    assert worst(came, expected) < 1e-4


def test_no_decay_overflows():
    log_decay = torch.full((64,), -1e4)
    gone = decays(log_decay, forward_order(64, log_decay))
    torch.testing.assert_close(gone, torch.eye(64), rtol=0, atol=2e-7)
    keep = decays(torch.zeros(64), forward_order(64, log_decay))
    assert torch.equal(keep, torch.ones(64, 64).tril())


def chunked(parts, chunk, before):
    cut = [part.unflatten(0, (-1, chunk)) for part in parts]
    return chunked_scan(*cut, mixing(cut[1], before)).flatten(0, 1)


@given(st.integers(1, 9), st.integers(1, 32), st.integers(0, 2**31))
def test_a_chunked_scan_equals_the_recurrence(chunks, chunk, seed):
    parts = drawn(chunks * chunk, seed=seed)
    came = chunked(parts, chunk, before_mask(chunks, parts[0]))
    assert worst(came, one_by_one(*parts)) < 1e-4


@given(st.permutations(range(7)), st.integers(0, 2**31))
def test_chunks_in_any_order_equal_chunks_that_were_moved(order, seed):
    parts = drawn(7 * 5, seed=seed)
    order = torch.tensor(order)
    rank = order.argsort()
    came = chunked(parts, 5, (rank[None, :] < rank[:, None]).float())

    moved = [part.unflatten(0, (7, 5))[order].flatten(0, 1) for part in parts]
    expected = one_by_one(*moved).unflatten(0, (7, 5))[rank].flatten(0, 1)

    assert worst(came, expected) < 1e-4


def test_the_mean_of_two_orders_is_the_mean_of_their_scans():
    parts = drawn(24)
    cut = [part.unflatten(0, (4, 6)) for part in parts]
    there = before_mask(4, parts[0])
    ways = [mixing(cut[1], there), mixing(cut[1], there.T)]
    together = chunked_scan(*cut, (ways[0] + ways[1]) / 2)
    apart = (chunked_scan(*cut, ways[0]) + chunked_scan(*cut, ways[1])) / 2
    torch.testing.assert_close(together, apart)


def test_an_order_can_be_learned():
    cut = [part.unflatten(0, (4, 6)) for part in drawn(24)]
    place = torch.tensor([0.3, -0.2, 0.9, 0.1], requires_grad=True)
    before = torch.sigmoid((place[:, None] - place[None, :]) / 0.5) * (1 - torch.eye(4))
    chunked_scan(*cut, mixing(cut[1], before)).square().sum().backward()
    assert place.grad.abs().min() > 0


@pytest.fixture
def block():
    torch.manual_seed(2)
    block = BidirectionalScan(10, inner=12, heads=3, states=4)
    nn.init.normal_(block.skip)
    return block.eval()


@torch.no_grad()
def test_a_block_is_two_recurrences_behind_a_gate(block):
    x = torch.randn(20, 10)
    values, gate, write, read, step = block.enter(x).double().split(block.widths, -1)
    seen = block.skip * values
    for direction in range(2):
        turned = (lambda part: part.flip(0)) if direction else (lambda part: part)
        for head in range(3):
            width = slice(4 * head, 4 * head + 4)
            states = slice(4 * direction, 4 * direction + 4)
            steps = step[:, 3 * direction + head].sigmoid()
            decay = -steps * block.log_rate[direction, head].exp()
            parts = (values[:, width] * steps[:, None], decay, write[:, states], read[:, states])
            seen[:, width] += turned(one_by_one(*(turned(part) for part in parts)))
    expected = block.leave.double()(seen * nn.functional.silu(gate))

    came = block.float()(x[None])[0]

    assert worst(came, expected) < 1e-4


@torch.no_grad()
def test_sequences_do_not_mix(block):
    x = torch.randn(3, 9, 10)
    torch.testing.assert_close(block(x)[1], block(x[1:2])[0])


def test_both_ends_of_a_row_hear_of_each_other(block):
    x = torch.randn(1, 20, 10, requires_grad=True)
    for one, other in ((0, 19), (19, 0)):
        (gradient,) = torch.autograd.grad(block(x)[0, one].sum(), x)
        assert gradient[0, other].abs().max() > 1e-4


def test_every_parameter_of_a_block_learns(block):
    block(torch.randn(2, 8, 10)).square().sum().backward()
    idle = [name for name, weight in block.named_parameters() if not weight.grad.abs().sum()]
    assert not idle


def test_training_in_half_precision_keeps_the_decays_in_single(block):
    x = torch.randn(2, 28, 10)
    with torch.no_grad():
        exact = block(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            halved = block(x)
    assert worst(halved.float(), exact) < 0.03
    log_decay = -torch.rand(2, 28)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        kept = decays(log_decay, forward_order(28, log_decay))
    torch.testing.assert_close(kept, decays(log_decay, forward_order(28, log_decay)))
    assert kept.dtype == torch.float32


def test_rows_come_back_as_the_maps_they_were():
    maps = torch.randn(2, 3, 4, 5)
    rows = rows_of(maps)
    assert torch.equal(rows[1 * 4 + 2], maps[1, :, 2].T)
    assert torch.equal(from_rows(rows, 4), maps)
