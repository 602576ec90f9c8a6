"""Facts about distances to the edges."""

import pytest
import torch

from thermedge.training.losses import Targets
from thermedge.training.losses.grid import grid_of
from thermedge.training.losses.ltrb import cell_iou, distances, edge_errors


@pytest.fixture
def one():
    box = torch.tensor([[80.0, 80.0, 40.0, 24.0]])
    targets = Targets(
        torch.ones(1, 2), box, torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2), 160
    )
    return grid_of(torch.zeros(1, 1, 20, 20), targets), targets


def test_distances_lead_from_a_cell_to_the_edges(one):
    # The cell in row 10, column 9 lies at (76, 84); the box spans (60, 68) to (100, 92).
    assert distances(*one)[0, :, 10, 9].tolist() == pytest.approx([16, 16, 24, 8])


def test_true_distances_span_the_true_box(one):
    iou = cell_iou(distances(*one), *one)[0]
    assert iou[10, 9].item() == pytest.approx(1, abs=1e-5)
    assert iou[0, 0].item() == pytest.approx(1, abs=1e-5)  # also from outside: signed distances


def test_an_edge_twice_as_far_errs_by_ln_2_whatever_the_size(one):
    made = distances(*one)
    made[:, 2] *= 2
    error = edge_errors(made, *one)[0, :, 10, 9]
    assert error.tolist() == pytest.approx([0, 0, 0.6931, 0], abs=1e-4)


def test_tiny_and_negative_distances_give_finite_errors(one):
    assert edge_errors(-distances(*one), *one).isfinite().all()
