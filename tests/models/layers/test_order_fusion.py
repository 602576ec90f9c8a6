"""Facts about the scan over all layers in an order of their own."""

import itertools

import pytest
import torch

from thermedge.models.layers.order_fusion import OrderFusion

SIDE, LAYERS, CHANNELS = 4, 3, 8
ORDERS = ("natural", "reverse", "dynamic", "mean")


def fusion(order, **changes):
    torch.manual_seed(0)
    options = {"layers": LAYERS, "side": SIDE, "inner": 8, "heads": 2, "states": 4, "order": order}
    layer = OrderFusion(CHANNELS, **(options | changes)).eval()
    torch.nn.init.normal_(layer.enter.weight, std=0.6)
    with torch.no_grad():
        layer.enter.bias[-2:] = -1.0  # steps long enough to forget something
    return layer


def maps(count=2):
    return torch.randn(count, LAYERS, SIDE**2, CHANNELS)


def ranked(layer, places):
    """Let the perceptron rank layers by the mean of their first channel."""
    with torch.no_grad():
        for weight in layer.rank.parameters():
            weight.zero_()
        layer.rank[0].weight[0, 0], layer.rank[2].weight[0, 0] = 1.0, 1.0
    x = maps()
    x[..., 0] += 10 * torch.tensor([float(place) for place in places])[:, None]
    layer.norm = torch.nn.Identity()  # the norm would hide the levels from this test
    return x


def in_turn(layer, x, order):
    """The scan by the book: token after token of the layers in `order`, double precision."""
    layer, x = layer.double(), x.double()
    batch = len(x)
    values, gate, write, read, step = layer.enter(layer.norm(x)).split(layer.widths, -1)
    image = values.flatten(0, 1).transpose(1, 2).unflatten(2, (SIDE, SIDE))
    values = torch.nn.functional.silu(layer.around(image)).flatten(2).transpose(1, 2)
    values = values.unflatten(0, (batch, LAYERS)).unflatten(-1, (layer.heads, -1))
    step = step.sigmoid()
    decay = torch.exp(-step * layer.log_rate.exp())
    seen = torch.zeros_like(values)
    state = values.new_zeros(batch, layer.heads, values.shape[-1], write.shape[-1])
    for place, token in itertools.product(order, range(SIDE**2)):
        came = step[:, place, token, :, None] * values[:, place, token]
        state = decay[:, place, token, :, None, None] * state
        state = state + came[..., None] * write[:, place, token, None, None]
        seen[:, place, token] = (state * read[:, place, token, None, None]).sum(-1)
    flat = seen.flatten(3) + layer.skip * values.flatten(3)
    y = x + layer.leave(flat * torch.nn.functional.silu(gate))
    return layer.norm_out(layer.norm_mixed(y).sum(1))


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize(("order", "path"), [("natural", (0, 1, 2)), ("reverse", (2, 1, 0))])
def test_a_fixed_order_is_the_scan_in_that_order(order, path, rows):
    layer, x = fusion(order, rows=rows), maps()
    came = layer(x).double()
    torch.testing.assert_close(came, in_turn(layer, x, path), rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("places", list(itertools.permutations(range(3))))
def test_ranks_as_a_mask_equal_layers_that_were_moved(places):
    layer = fusion("dynamic")
    x = ranked(layer, places)
    came = layer(x).double()
    path = sorted(range(3), key=lambda i: places[i])
    torch.testing.assert_close(came, in_turn(layer, x, path), rtol=1e-4, atol=1e-4)
    other = in_turn(layer, x, path[::-1])
    assert (came - other).abs().max() > 1e-2  # the order counts, else this proves nothing


@torch.no_grad()
def test_layers_that_the_ranks_reorder_may_as_well_stand_in_that_order():
    layer = fusion("dynamic")
    x = ranked(layer, (2, 0, 1))
    torch.testing.assert_close(layer(x), layer(x[:, [1, 2, 0]]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_mean_weighs_three_orders_alike():
    layer = fusion("mean")
    before = layer.orders(layer.norm(maps()))
    assert [len(order) for order in before] == [1, 1, 2]
    assert torch.equal(before[0][0], torch.ones(3, 3).tril(-1))
    assert torch.equal(before[1][0], torch.ones(3, 3).triu(1))
    dynamic = before[2]
    torch.testing.assert_close(dynamic + dynamic.transpose(1, 2), 1 - torch.eye(3).expand(2, 3, 3))
    assert not dynamic.diagonal(dim1=1, dim2=2).any()


@torch.no_grad()
def test_the_orders_give_different_maps():
    x = maps()
    weights = fusion("mean").state_dict()
    seen = []
    for order in ORDERS:
        layer = fusion(order)
        layer.load_state_dict({name: weights[name] for name in layer.state_dict()})
        seen.append(layer(x))
    for one, two in itertools.combinations(seen, 2):
        assert (one - two).abs().max() > 1e-3


@pytest.mark.parametrize("order", ORDERS)
def test_every_parameter_learns_the_ranks_among_them(order):
    layer, x = fusion(order), maps()
    target = torch.randn(2, SIDE**2, CHANNELS)
    (layer(x) - target).square().sum().backward()
    idle = [name for name, weight in layer.named_parameters() if not weight.grad.abs().sum()]
    assert not idle
    assert hasattr(layer, "rank") == (order in ("dynamic", "mean"))


@torch.no_grad()
def test_each_of_a_batch_has_an_order_of_its_own():
    layer, x = fusion("dynamic"), maps(3)
    together = layer(x)
    for i in range(3):
        torch.testing.assert_close(layer(x[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-5)
