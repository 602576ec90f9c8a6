"""Facts about the network's tensors."""

from dataclasses import replace

import pytest
import torch

from thermedge import models
from thermedge.models.stdtrack import SIZES, StdTrack, _held


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return models.build("stdtrack", "nano").eval()


def clips(frames=3, count=2):
    generator = torch.Generator().manual_seed(0)
    crop = SIZES["nano"].crop
    return {
        "template": torch.rand(count, 1, crop.template_px, crop.template_px, generator=generator),
        "search": torch.rand(count, frames, 1, crop.search_px, crop.search_px, generator=generator),
        "present": torch.ones(count, frames),
    }


def state(net, first, count=1):
    """The state that the runtime starts with: the first token alone."""
    shapes = {name: (count, *shape[1:]) for name, shape in net.state_shapes.items()}
    store, age = torch.zeros(shapes["store"]), torch.zeros(shapes["store_age"])
    bias = torch.full(shapes["store_bias"], -1e4)
    store[:, :1], bias[..., 0], age[:, 0, 0] = first, 0, 1
    return first, store, bias, age


@torch.no_grad()
def test_every_map_has_a_cell_per_8_px(net):
    batch = clips(frames=1)
    known = net.template(batch["template"])
    maps = net.answers(batch)

    assert known.kernel.shape == (2, 40, 5, 5)
    assert known.cells.shape == (2, 49, 48)
    assert known.first_token.shape == maps.token.shape == (2, 1, 64)
    assert [part.shape[1] for part in maps[:5]] == [1, 2, 2, 2, 1]
    assert {part.shape[2:] for part in maps[:5]} == {(20, 20)}


@torch.no_grad()
def test_each_clip_of_a_batch_is_on_its_own(net):
    batch = clips()
    together = net.answers(batch)
    for i in range(2):
        alone = net.answers({name: part[i : i + 1] for name, part in batch.items()})
        for one, all_of_them in zip(alone, together, strict=True):
            torch.testing.assert_close(one, all_of_them[3 * i : 3 * i + 3], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_clip_in_training_is_the_same_as_its_frames_one_by_one_on_a_board(net):
    batch = clips(frames=4, count=1)
    kernel, cells, first = net.template(batch["template"])
    token, store, bias, age = state(net, first)
    expected = net.answers(batch)
    for frame in range(4):
        maps = net.track(batch["search"][:, frame], kernel, cells, token, store, bias, age)
        for name, one, many in zip(maps._fields, maps, expected, strict=True):
            torch.testing.assert_close(
                one, many[frame : frame + 1], rtol=1e-4, atol=1e-5, msg=f"{name} of {frame}"
            )
        token = maps.token
        for place in range(frame + 1):  # what TokenStore does
            age[0, place] = torch.eye(4)[1 if frame + 2 - place > 1 else 0]
        store[:, frame + 1], bias[..., frame + 1] = token[:, 0], 0
        age[0, frame + 1] = torch.eye(4)[0]


@torch.no_grad()
def test_the_token_changes_what_the_head_says(net):
    batch = clips(frames=1, count=1)
    kernel, cells, first = net.template(batch["template"])
    start = state(net, first)
    one = net.track(batch["search"][:, 0], kernel, cells, *start)
    two = net.track(batch["search"][:, 0], kernel, cells, start[0].flip(-1), *start[1:])
    assert (one.score - two.score).abs().max() > 1e-5
    assert (one.token - two.token).abs().max() > 1e-4


@torch.no_grad()
def test_an_absent_target_s_token_is_not_carried(net):
    batch = clips(frames=2, count=1)
    seen = net.answers(batch)
    batch["present"][:, 0] = 0
    absent = net.answers(batch)
    torch.testing.assert_close(seen.token[0], absent.token[0])
    assert (seen.token[1] - absent.token[1]).abs().max() > 1e-4


def test_the_store_keeps_the_first_and_the_newest_tokens():
    assert _held(1, 4) == [0]
    assert _held(4, 4) == [0, 1, 2, 3]
    assert _held(9, 4) == [0, 6, 7, 8]


@torch.no_grad()
def test_the_template_keeps_the_cells_around_the_middle(net):
    # 11 cells a side: the kernel's middle cell is cell 5 of the trunk's map.
    template = clips()["template"]
    features = net.trunk(template)
    middle = net.template_kernel(features)[:, :, 5, 5]
    torch.testing.assert_close(net.template(template).kernel[:, :, 2, 2] * 5, middle)


@torch.no_grad()
def test_an_untrained_network_finds_nothing_and_keeps_the_size(net):
    maps = net.answers(clips())
    assert maps.score.sigmoid().max() < 0.2
    assert maps.size.abs().max() < 0.5


def test_every_parameter_takes_part():
    torch.manual_seed(0)
    net = StdTrack(replace(SIZES["nano"], deep=1))
    sum(part.square().sum() for part in net.answers(clips())).backward()
    idle = [name for name, weight in net.named_parameters() if not weight.grad.abs().sum()]
    assert not idle


@pytest.mark.parametrize(("size", "count"), [("nano", 457_347), ("base", 1_297_811)])
def test_the_networks_have_the_sizes_that_are_told(size, count):
    net = models.build("stdtrack", size)
    assert sum(weight.numel() for weight in net.parameters()) == count
