"""Facts about what two modalities tell each other."""

import pytest
import torch

from thermedge.models.layers.difference_fusion import DifferenceFusion, Joined

SIDE = 4


@pytest.fixture
def fusion():
    torch.manual_seed(0)
    fusion = DifferenceFusion(8, inner=8, heads=2)
    torch.nn.init.uniform_(fusion.norm.bias, -0.5, 0.5)
    return fusion


def pictures(count=2):
    return torch.randn(count, SIDE**2, 8), torch.randn(count, SIDE**2, 8)


def gate_of(fusion, thermal, visible):
    """The gate by the book: rows and columns, one after another."""
    difference = fusion.norm(visible - thermal).unflatten(1, (SIDE, SIDE))
    total = torch.zeros_like(difference)
    for place in range(SIDE):
        total[:, place] += fusion.scan(difference[:, place])
        total[:, :, place] += fusion.scan(difference[:, :, place])
    return torch.tanh(total).flatten(1, 2)


@torch.no_grad()
def test_each_takes_the_other_through_one_gate_of_their_difference(fusion):
    thermal, visible = pictures()
    gate = gate_of(fusion, thermal, visible)
    assert gate.std() > 0.01
    came = fusion(thermal, visible, SIDE)
    torch.testing.assert_close(came[0], thermal + gate * visible, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(came[1], visible + gate * thermal, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_equal_pictures_stay_equal_and_meet_a_gate_that_ignores_them(fusion):
    ratios = []
    for _ in range(2):
        thermal, _ = pictures()
        one, two = fusion(thermal, thermal, SIDE)
        assert torch.equal(one, two)
        ratios.append(one / thermal)
    torch.testing.assert_close(ratios[0], ratios[1], rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_difference_is_felt_along_its_row_and_its_column_only(fusion):
    thermal, visible = pictures(1)
    before = gate_of(fusion, thermal, visible)
    visible[0, SIDE * 1 + 2] += torch.randn(8)  # row 1, column 2
    after = fusion(thermal, visible, SIDE)[0] - thermal
    changed = ((after / visible - before).abs() > 1e-5).any(-1).reshape(SIDE, SIDE)
    expected = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    expected[1], expected[:, 2] = True, True
    assert torch.equal(changed, expected)


def test_the_joined_tokens_depend_on_both_and_on_which_is_which():
    torch.manual_seed(0)
    joined = Joined(8)
    thermal, visible = pictures()
    both = joined(thermal, visible)
    assert both.shape == thermal.shape
    assert not torch.allclose(both, joined(visible, thermal))
    assert not torch.allclose(both, joined(thermal, visible + torch.randn(8)))


def test_every_parameter_learns(fusion):
    thermal, visible = pictures()
    joined = Joined(8)
    joined(*fusion(thermal, visible, SIDE)).square().sum().backward()
    weights = [*fusion.parameters(), *joined.parameters()]
    assert all(weight.grad.abs().sum() > 0 for weight in weights)
