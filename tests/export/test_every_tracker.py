"""Facts about the way from a checkpoint to a track, for every tracker in every size."""

import json

import pytest
import torch

from thermedge import bundle, models
from thermedge.commands import main
from thermedge.models import checkpoint as checkpoints

pytestmark = pytest.mark.graphs  # a minute and more

_MOST_BYTES = 8_000_000
NETWORKS = [(tracker, size) for tracker in models.TRACKERS for size in models.sizes(tracker)]


@pytest.mark.parametrize(("tracker", "size"), NETWORKS, ids=map("-".join, NETWORKS))
def test_a_checkpoint_becomes_a_bundle_that_tracks(
    tracker, size, tmp_path, lively_network, recipe_text
):
    state = lively_network(tracker, size).state_dict()
    recipe = recipe_text.replace('"stdtrack"', f'"{tracker}"').replace('"nano"', f'"{size}"')
    assert f'"{tracker}"' in recipe
    assert f'"{size}"' in recipe
    saved = checkpoints.Checkpoint(
        recipe=recipe,
        tracker=tracker,
        size=size,
        step=250,
        samples=1000,
        tensors={f"model.{k}": torch.zeros_like(v) for k, v in state.items()}
        | {f"average.{k}": v for k, v in state.items()},
    )
    checkpoints.save(saved, tmp_path / "last.safetensors")
    made, tracks = tmp_path / "made", tmp_path / "tracks.jsonl"
    assert main(["export", str(tmp_path / "last.safetensors"), "-o", str(made)]) == 0
    assert sum(path.stat().st_size for path in made.iterdir()) < _MOST_BYTES
    assert bundle.read(made).manifest.tracker == tracker
    scene = "synthetic:frames=12,seed=3,size=320x256"
    assert main(["track", scene, "--bundle", str(made), "--out", str(tracks)]) == 0
    assert len([json.loads(line) for line in tracks.read_text().splitlines()]) == 12
