"""Facts about comparing the exported graphs with the network."""

import copy

import numpy as np
import pytest
import torch

from thermedge import bundle
from thermedge.errors import ThermedgeError
from thermedge.export import parity
from thermedge.models import checkpoint as checkpoints
from thermedge.models.fuse import fused

OUTPUTS = {"kernel", "cells", "first_token"}
OUTPUTS |= {"score", "offset", "size", "spread", "change", "token_next"}
STATE = {"token", "store", "store_bias", "store_age"}


@pytest.fixture
def forms(exported, last):
    """The network as trained, the same fused, and its graphs."""
    net = checkpoints.network(checkpoints.load(last))
    opened = bundle.read(exported[2])
    graphs = {
        "template": (opened.path(bundle.TEMPLATE_GRAPH), opened.manifest.template),
        "track": (opened.path(bundle.TRACK_GRAPH), opened.manifest.track),
    }
    return net, fused(net), graphs


def test_the_windows_are_thermal_pictures_and_the_same_every_time(network):
    one, two = (parity.feeds(network) for _ in range(2))
    assert len(one) == 8
    for first, second in zip(one, two, strict=True):
        assert first["template"].shape == (1, 1, 88, 88)
        assert first["search"].shape == (1, 1, 160, 160)
        assert first.keys() == {"template", "search"} | STATE
        for name in ("template", "search"):
            window = first[name]
            assert window.dtype == np.float32
            assert window.min() >= 0
            assert window.max() <= 1
            assert window.std() > 0.02
            np.testing.assert_array_equal(window, second[name])


def test_every_output_is_compared_and_close(forms):
    gaps, golden = parity.compare(*forms)
    assert gaps.keys() == OUTPUTS
    for gap in gaps.values():
        assert 0 < gap.fused < parity.LIMIT
        assert 0 < gap.onnx < parity.LIMIT
    assert len(golden) == 8
    for feeds, outputs in golden:
        assert feeds.keys() == {"template", "search"} | STATE
        assert outputs.keys() == OUTPUTS
    first, second = golden[0][1], golden[1][1]
    assert all((first[name] != second[name]).any() for name in OUTPUTS)  # copies, not the buffers


def test_a_wrong_fusion_is_found(forms):
    net, plain, graphs = forms
    with torch.no_grad():
        plain.both.bias[3] += 0.01  # score, two of the offset, then the width
    with pytest.raises(ThermedgeError, match="'size' differs by 1.0e-02 after fusing"):
        parity.compare(net, plain, graphs)


def test_a_graph_of_other_weights_is_found(forms):
    net, _, graphs = forms
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.score.bias += 1.0
    with pytest.raises(ThermedgeError, match="'score' differs by .* and by .*e-0[12] in ONNX"):
        parity.compare(other, fused(other), graphs)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_close(forms, value):
    net, _, graphs = forms
    with torch.no_grad():
        net.box.bias[0] = value
    with pytest.raises(ThermedgeError, match="'offset' differs by"):
        parity.compare(net, fused(net), graphs)
