"""Facts about the weights that the agreement of layers gives to channels."""

import pytest
import torch

from thermedge.models.layers.channel_gate import BilinearGate, _balanced


@pytest.fixture
def gate():
    torch.manual_seed(4)
    return BilinearGate(8, 5).double()


@pytest.fixture
def maps():
    return [torch.randn(2, 8, 6, 6, dtype=torch.float64) for _ in range(3)]


def by_loops(gate, maps):
    """Equations 5 and 6 as they are written: one channel of one layer after another."""
    small = [conv(m).flatten(2) for conv, m in zip(gate.reduce, maps, strict=True)]
    weights = torch.zeros(len(maps[0]), 8, dtype=torch.float64)
    for sample in range(len(weights)):
        total = torch.zeros(25, dtype=torch.float64)
        for one, two in ((0, 1), (0, 2), (1, 2)):
            a, b = small[one][sample], small[two][sample]
            cosine = [torch.dot(row, other) / row.norm() / other.norm() for row in a for other in b]
            root = torch.stack([value.sign() * value.abs().sqrt() for value in cosine])
            total += root / root.norm()
        weights[sample] = gate.weigh(total).softmax(0)
    return 0.5 + 0.5 * 8 * weights


def test_it_is_the_sum_of_the_layers_products(gate, maps):
    with torch.no_grad():
        gate.weigh.weight *= 5  # weights that differ
        came = gate(maps)[:, :, 0, 0]
        expected = by_loops(gate, maps)
    assert expected.std() > 0.3
    torch.testing.assert_close(came, expected, rtol=0.02, atol=0.02)  # _LEAST is the difference


def test_weights_are_1_on_average_and_none_is_below_a_half(gate, maps):
    weights = gate(maps)
    assert weights.shape == (2, 8, 1, 1)
    torch.testing.assert_close(weights.mean(1).flatten(), torch.ones(2, dtype=torch.float64))
    assert weights.min() >= 0.5


def test_the_brightness_of_a_layer_does_not_matter(gate, maps):
    for conv in gate.reduce:
        torch.nn.init.zeros_(conv.bias)
    first, *others = maps
    torch.testing.assert_close(gate([40 * first, *others]), gate(maps), rtol=1e-3, atol=1e-3)


def test_a_map_of_nothing_has_finite_weights_and_slopes(gate):
    maps = [torch.zeros(1, 8, 4, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    for conv in gate.reduce:
        torch.nn.init.zeros_(conv.bias)
    weights = gate(maps)
    weights[0, 0].sum().backward()
    assert weights.isfinite().all()
    assert all(m.grad.isfinite().all() for m in maps)


def test_signs_are_kept_and_the_length_is_1():
    products = torch.tensor([[[[4.0, -9.0], [1.0, -1.0]]]])
    came = _balanced(products)[0, 0]
    expected = torch.tensor([2.0, -3.0, 1.0, -1.0]) / 15**0.5
    torch.testing.assert_close(came, expected, rtol=1e-2, atol=1e-2)


def test_each_pair_of_a_batch_is_on_its_own(gate, maps):
    alone = gate([m[1:] for m in maps])
    torch.testing.assert_close(alone[0], gate(maps)[1])
