"""Facts about the weights that training can begin with."""

from pathlib import Path

import numpy as np
import torch

from thermedge import bundle, bundles, training
from thermedge.commands import main
from thermedge.models import checkpoint
from thermedge.models.fuse import fused

WEIGHTS = Path(training.__path__[0]) / "weights" / "stdtrack_nano.safetensors"


@torch.no_grad()
def test_the_weights_of_default_are_those_that_its_bundle_runs():
    net = fused(checkpoint.network(checkpoint.load(WEIGHTS)))
    golden = np.load(bundle.read(bundles.find("default")).path("golden.npz"))
    fed = {name.removeprefix("0.in."): torch.from_numpy(golden[name]) for name in golden.files}
    template = net.template(fed["template"])
    state = [fed[name] for name in ("token", "store", "store_bias", "store_age")]
    told = net.graph_outputs(net.track(fed["search"], template.kernel, template.cells, *state))
    for name, value in told.items():
        np.testing.assert_allclose(value, golden[f"0.out.{name}"], atol=1e-4)


def test_a_run_begins_with_shipped_weights_by_their_name(tmp_path, data_folder, recipe_text):
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text)
    run = ["train", str(path), "--data", str(data_folder), "--workers", "0", "--threads", "1"]
    assert main([*run, "-o", str(tmp_path / "run"), "--from", "stdtrack_nano"]) == 0
    seen = checkpoint.load(tmp_path / "run" / "last.safetensors").samples
    assert seen == checkpoint.load(WEIGHTS).samples + 8


def test_weights_that_are_nowhere_are_named(tmp_path, data_folder, recipe_text, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text)
    run = ["train", str(path), "--data", str(data_folder), "-o", str(tmp_path / "run")]
    assert main([*run, "--from", "nobody"]) == 2
    assert "nobody can't be read as a checkpoint" in " ".join(capsys.readouterr().err.split())
