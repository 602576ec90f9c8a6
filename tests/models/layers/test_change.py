"""Facts about the head that tells how sizes change."""

import torch

from thermedge.models.layers.change import ChangeHead


def parts(batch=2):
    torch.manual_seed(3)
    return torch.randn(batch, 8, 5, 5), torch.randn(batch, 8, 5, 5), torch.randn(batch, 1, 8)


@torch.no_grad()
def test_an_untrained_head_believes_what_is_measured():
    floor, share = ChangeHead(8, 4)(*parts()).mean((0, 2, 3))
    assert floor.exp() < 0.1
    assert share.sigmoid() > 0.8


@torch.no_grad()
def test_the_whole_picture_and_the_token_are_heard_at_every_cell():
    head = ChangeHead(8, 4)
    for weight in head.parameters():
        torch.nn.init.normal_(weight)
    cells, features, token = parts()
    told = head(cells, features, token)
    elsewhere = features.clone()
    elsewhere[:, :, 4, 4] += 9.0
    assert ((head(cells, elsewhere, token) - told).abs() > 1e-4).any(1).sum() > 25
    assert ((head(cells, features, token + 1) - told).abs() > 1e-4).any(1).sum() > 25


@torch.no_grad()
def test_one_picture_does_not_hear_the_others_of_its_batch():
    head = ChangeHead(8, 4).eval()
    cells, features, token = parts()
    alone = head(cells[:1], features[:1], token[:1])
    torch.testing.assert_close(head(cells, features, token)[:1], alone)
