"""Facts about the network's tensors."""

import pytest
import torch

from thermedge import models
from thermedge.models.stdtrack import SIZES, STRIDE_PX


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return models.build("stdtrack", "nano").eval()


@pytest.fixture(scope="module")
def windows():
    generator = torch.Generator().manual_seed(0)
    crop = SIZES["nano"].crop
    return (
        torch.rand(2, 1, crop.template_px, crop.template_px, generator=generator),
        torch.rand(2, 1, crop.search_px, crop.search_px, generator=generator),
    )


@torch.no_grad()
def test_every_map_has_a_cell_per_stride(net, windows):
    template, search = windows
    cached = net.template(template)
    maps = net.track(search, *cached)

    assert cached.kernel.shape == (2, 40, 5, 5)
    assert cached.cells.shape == (2, 49, 48)
    cells = search.shape[-1] // STRIDE_PX
    channels = [part.shape[1] for part in maps]
    assert channels == [1, 2, 2, 2]
    assert {part.shape[2:] for part in maps} == {(cells, cells)}


@torch.no_grad()
def test_each_pair_of_a_batch_is_on_its_own(net, windows):
    template, search = windows
    together = net.track(search, *net.template(template))
    for i in range(2):
        alone = net.track(search[i : i + 1], *net.template(template[i : i + 1]))
        for one, all_of_them in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_of_them[i], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_template_keeps_the_cells_around_the_middle(net, windows):
    # 11 cells a side: the kernel's middle cell is cell 5 of the trunk's map.
    template, _ = windows
    features = net.trunk(template)
    middle = net.template_kernel(features)[:, :, 5, 5]
    torch.testing.assert_close(net.template(template).kernel[:, :, 2, 2] * 5, middle)


@torch.no_grad()
def test_an_untrained_network_finds_nothing_and_keeps_the_size(net, windows):
    template, search = windows
    maps = net.track(search, *net.template(template))
    assert maps.score.sigmoid().max() < 0.2
    assert maps.size.abs().max() < 0.5


def test_every_parameter_takes_part(windows):
    torch.manual_seed(0)
    net = models.build("stdtrack", "nano")
    template, search = windows
    maps = net.track(search, *net.template(template))
    sum(part.square().sum() for part in maps).backward()
    idle = [name for name, weight in net.named_parameters() if not weight.grad.abs().sum()]
    assert not idle


def test_the_nano_network_has_the_size_that_is_told(net):
    assert sum(weight.numel() for weight in net.parameters()) == 407_305
