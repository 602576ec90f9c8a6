"""Hypothesis, Ctrl-C, and one run from a recipe to a bundle that many tests look at."""

import contextlib
import importlib.util
import io
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "thermedge",
    deadline=None,  # a busy machine is no fault of the code
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("thermedge")

# Before torch is imported: on a busy machine, threads that wait for each other cost most.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell lets what it runs in the background ignore Ctrl-C; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

RECIPE = """\
name = "two_steps"
tracker = "stdtrack"
size = "nano"
seed = 5
samples = 8
batch = 4
learning_rate = 1e-5
weight_decay = 0.02
warm_up = 0.5
cool_down = 0.5
average = 0.9
negative_share = 0.1
distractor_share = 0.1

[[data]]
name = "squares"
kind = "sequences"
path = "clips"
licence = "Apache-2.0"
credit = "drawn by the tests"

[[data]]
name = "scenes"
kind = "synthetic"
scenes = 2
frames = 3
licence = "CC0"
credit = "a generator"

[[pairs]]
data = "squares"
how = "track"
share = 1
max_gap = 2

[[pairs]]
data = "scenes"
how = "patch"
share = 0.5
"""


@pytest.fixture(scope="session")
def recorded_tensorrt():
    """Return a function that makes the module tensorrt of a version, from its recorded API."""
    return _beside("recorded_tensorrt").Recorded


@pytest.fixture(scope="session")
def host_gpu():
    """The module host_gpu: a GPU of host memory, and engines that compute with numpy."""
    return _beside("host_gpu")


def _beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recipe_text():
    """A recipe of two steps; its squares are in `data_folder`."""
    return RECIPE


@pytest.fixture(scope="session")
def write_clip():
    """Return a function that writes a clip: a folder with a lossless video and its boxes."""
    import cv2
    import numpy as np

    def write(folder, pictures, boxes):
        folder.mkdir(parents=True)
        height, width = pictures[0].shape
        codec, form = cv2.VideoWriter.fourcc(*"FFV1"), (cv2.VIDEOWRITER_PROP_IS_COLOR, 0)
        depth = cv2.CV_16U if pictures[0].dtype == np.uint16 else cv2.CV_8U
        writer = cv2.VideoWriter(
            str(folder / "video.mkv"),
            cv2.CAP_FFMPEG,
            codec,
            25,
            (width, height),
            (*form, cv2.VIDEOWRITER_PROP_DEPTH, depth),
        )
        for picture in pictures:
            writer.write(picture)
        writer.release()
        lines = [",".join(f"{value:g}" for value in box) for box in boxes]
        (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n")

    return write


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory, write_clip):
    """Two clips of a bright square that moves over noise."""
    import numpy as np

    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number in range(2):
        boxes = [(40 + 4 * i, 30 + 10 * number, 20, 16) for i in range(5)]
        pictures = rng.integers(40, 90, (5, 96, 128), np.uint8)
        for picture, (x, y, w, h) in zip(pictures, boxes, strict=True):
            picture[y : y + h, x : x + w] = 200
        write_clip(folder / "clips" / f"square{number}", pictures, boxes)
    return folder


@pytest.fixture(scope="session")
def pack_cache(tmp_path_factory):
    """Keep packs in a folder of the tests, from here on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THERMEDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def network():
    """An untrained nano network with the batch norms of a trained one. Not to be changed."""
    return lively("stdtrack", "nano")


@pytest.fixture(scope="session")
def lively_network():
    """Return a function that builds an untrained network with the batch norms of a trained one."""
    return lively


def lively(tracker, size):
    import torch
    from torch import nn

    from thermedge import models
    from thermedge.models.net import window_shape

    torch.manual_seed(11)
    net = models.build(tracker, size).train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = None  # a plain average over the passes
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.3, 0.3)
        for _ in range(4):
            batch = {"present": torch.ones(2), "target_px": 30 + 30 * torch.rand(2, 2)}
            for name in (*net.template_inputs, *net.track_inputs):
                if name != "target_px":
                    side = window_shape(name, net.config.crop)[-1]
                    rough = torch.rand(2, 1, 8, 8)
                    smooth = nn.functional.interpolate(rough, side, mode="bilinear")
                    batch[name] = (smooth + 0.02 * torch.randn_like(smooth)).clamp(0, 1)
            net.answers(batch)
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory, network, recipe_text):
    """A checkpoint whose averaged weights are those of `network`; 1000 pairs seen."""
    import torch

    from thermedge.models import checkpoint as checkpoints

    path = tmp_path_factory.mktemp("checkpoint") / "last.safetensors"
    state = network.state_dict()
    saved = checkpoints.Checkpoint(
        recipe=recipe_text,
        tracker="stdtrack",
        size="nano",
        step=250,
        samples=1000,
        tensors={f"model.{k}": torch.zeros_like(v) for k, v in state.items()}
        | {f"average.{k}": v for k, v in state.items()},
    )
    checkpoints.save(saved, path)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data_folder, pack_cache, checkpoint_file, recipe_text):
    """What `thermedge train` made of two steps: (status, stdout, run folder)."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = folder / "two_steps.toml"
    recipe.write_text(recipe_text)
    run = folder / "run"
    status, out = _command(
        *("train", recipe, "--data", data_folder, "-o", run),
        *("--from", checkpoint_file, "--threads", 1, "--workers", 0),
    )
    return status, out, run


@pytest.fixture(scope="session")
def exported(tmp_path_factory, trained):
    """What `thermedge export` made of that run: (status, stdout, bundle folder)."""
    folder = tmp_path_factory.mktemp("exported") / "two_steps_bundle"
    status, out = _command("export", trained[2] / "last.safetensors", "-o", folder)
    return status, out, folder


def _command(*arguments: str | int | Path) -> tuple[int, str]:
    from thermedge.commands import main

    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main([str(argument) for argument in arguments])
    return status, out.getvalue()
