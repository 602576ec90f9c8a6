"""Facts about tokens of a target."""

import torch

from thermedge.models.layers.tokens import TokenFusion, TokenMask
from thermedge.tokens import AGES


def parts(filled=2, seed=0):
    torch.manual_seed(seed)
    bias = torch.full((1, 1, 4), -1e4)
    bias[..., :filled] = 0
    age = torch.eye(AGES)[[0, 1, 2, 3]][None]
    return torch.randn(1, 1, 8), torch.randn(1, 9, 8), torch.randn(1, 4, 8), bias, age


@torch.no_grad()
def test_empty_places_of_the_store_change_nothing():
    token, features, store, bias, age = parts()
    fusion = TokenFusion(8, 2).eval()
    other = store.clone()
    other[:, 2:] = 77
    torch.testing.assert_close(
        fusion(token, features, store, bias, age), fusion(token, features, other, bias, age)
    )


@torch.no_grad()
def test_frame_store_and_age_all_reach_the_token():
    token, features, store, bias, age = parts()
    fusion = TokenFusion(8, 2).eval()
    before = fusion(token, features, store, bias, age)
    for changed in (
        (token.flip(-1), features, store, bias, age),
        (token, features * 2, store, bias, age),
        (token, features, store.roll(1, 2), bias, age),
        (token, features, store, bias, age.roll(1, 1)),
    ):
        assert (fusion(*changed) - before).abs().max() > 1e-4


@torch.no_grad()
def test_a_token_stays_bounded_however_long_it_is_carried():
    token, features, store, bias, age = parts()
    fusion = TokenFusion(8, 2).eval()
    for _ in range(200):
        token = fusion(token, features, store, bias, age)
    assert token.abs().max() < 8**0.5 + 1e-3


@torch.no_grad()
def test_the_mask_is_high_where_the_features_agree_with_the_token():
    mask = TokenMask(4)
    torch.nn.init.eye_(mask.query.weight[:, :, 0, 0])
    torch.nn.init.eye_(mask.key.weight)
    torch.nn.init.zeros_(mask.query.bias)
    torch.nn.init.zeros_(mask.key.bias)
    features = torch.zeros(1, 4, 3, 5)
    features[0, :, 1, 3] = torch.tensor([1.0, 2, 3, 4])
    logits = mask(features, features[0, :, 1, 3][None, None])
    assert logits.shape == (1, 1, 3, 5)
    assert logits[0, 0, 1, 3] == logits.max() == 30 / 2


@torch.no_grad()
def test_folded_fusion_and_mask_are_the_same_functions():
    torch.manual_seed(3)
    fusion, mask = TokenFusion(8, 2).eval(), TokenMask(8).eval()
    known, features = parts(), torch.randn(2, 8, 3, 5)
    expected = fusion(*known), mask(features, torch.ones(2, 1, 8))
    folded = fusion.plain()(*known), mask.plain()(features, torch.ones(2, 1, 8))
    torch.testing.assert_close(folded, expected)
