"""Facts about the table of losses and the truth of a batch."""

import torch

from thermedge import models
from thermedge.training.losses import LOSSES, loss_of, targets_of


def test_every_tracker_has_a_loss():
    assert LOSSES.keys() == models.TRACKERS.keys()
    assert all(callable(loss_of(tracker)) for tracker in LOSSES)


def batch(*frames):
    return {
        "search": torch.zeros(2, *frames, 1, 160, 160),
        "target_px": torch.tensor([[40.0, 30.0], [20.0, 10.0]]),
        "target": torch.arange(8.0).reshape(2, 4)[:, None].expand(2, *(frames or (1,)), 4),
        "present": torch.ones(2, *frames),
        "motion": torch.zeros(2, *frames, 2),
        "changed": torch.zeros(2, *frames, 2),
    }


def test_pairs_keep_their_row():
    targets = targets_of(batch())
    assert targets.target_px.tolist() == [[40, 30], [20, 10]]
    assert targets.box.shape == (2, 4)
    assert targets.search_px == 160


def test_the_frames_of_a_clip_stand_in_one_row_beside_their_template():
    targets = targets_of(batch(3))
    assert targets.target_px.tolist() == [[40, 30]] * 3 + [[20, 10]] * 3
    assert targets.box[:, 0].tolist() == [0] * 3 + [4] * 3
    assert targets.present.shape == (6,)
