"""Facts about the attention over channels beside the attention over places."""

import pytest
import torch
from torch import nn

from thermedge.models.fuse import stacked
from thermedge.models.layers.parallel_attention import GAINS, ChannelWeights, ParallelAttention


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(6)


@torch.no_grad()
def test_channels_are_weighed_by_the_shared_perceptron_of_mean_and_peak():
    weigh = ChannelWeights(6, 3)
    x = torch.randn(2, 6, 5, 4)

    def hidden(pooled):
        return torch.relu(pooled @ weigh.squeeze.weight.T + weigh.squeeze.bias)

    both = hidden(x.mean((2, 3))) + hidden(x.flatten(2).max(2).values)
    weights = torch.sigmoid(both @ weigh.excite.weight.T + weigh.excite.bias)

    torch.testing.assert_close(weigh(x), x * weights[:, :, None, None])


@torch.no_grad()
def test_the_box_reads_the_weighed_score_features_under_four_weighed_gates():
    attention = ParallelAttention(4, 2)
    score, box = torch.randn(2, 4, 9, 8), torch.randn(2, 4, 9, 8)

    for_score, for_box = attention(score, box)

    strength = box.mean(1, keepdim=True) + box.max(1, keepdim=True).values
    one, two, three, four = (torch.sigmoid(conv(strength)) for conv in attention.perceptrons)
    torch.testing.assert_close(for_score, attention.weigh(score))
    torch.testing.assert_close(for_box, (one + two + three + 0.05 * four) * for_score)


@torch.no_grad()
@pytest.mark.parametrize("size", [(9, 8), (3, 2)])  # (3, 2): every output sees the border
def test_four_perceptrons_are_one_convolution_and_one_product(size):
    attention = ParallelAttention(4, 2)
    score, box = torch.randn(2, 4, *size), torch.randn(2, 4, *size)

    plain = attention.plain()

    for came, expected in zip(plain(score, box), attention(score, box), strict=True):
        torch.testing.assert_close(came, expected, rtol=1e-5, atol=1e-6)
    assert plain.gates.weight.shape == (4, 1, 7, 7)
    assert plain.total.weight.flatten().tolist() == pytest.approx(GAINS)


@torch.no_grad()
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_stacked_convolutions_give_all_outputs_one_after_another(stride, dilation):
    convs = [
        nn.Conv2d(3, outputs, 3, stride=stride, dilation=dilation, padding=dilation)
        for outputs in (2, 1, 4)
    ]
    x = torch.randn(2, 3, 8, 7)
    expected = torch.cat([conv(x) for conv in convs], 1)
    torch.testing.assert_close(stacked(convs)(x), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_plain_form_has_its_own_weights():
    attention = ParallelAttention(4, 2)
    plain = attention.plain()
    before = plain.gates.weight.clone()
    attention.perceptrons[0].weight.fill_(9.0)
    assert torch.equal(plain.gates.weight, before)


def test_every_part_learns():
    attention = ParallelAttention(4, 2)
    maps = attention(torch.randn(2, 4, 9, 9), torch.randn(2, 4, 9, 9))
    sum(part.square().sum() for part in maps).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in attention.parameters())
