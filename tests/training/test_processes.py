"""Facts about runs that are shared: two processes learn what one would."""

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from thermedge.errors import RecipeError
from thermedge.models import checkpoint as checkpoints
from thermedge.training import loop, processes

pytestmark = pytest.mark.usefixtures("pack_cache")

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
LEARN_STEPS = Path(__file__).with_name("learn_steps.py")
TRAIN_IN_DOUBLE = Path(__file__).with_name("train_in_double.py")


@pytest.fixture
def recipe(tmp_path, recipe_text):
    """Return a function that writes the recipe for a tracker, in fp32."""

    def write(tracker="stdtrack", **more):
        lines = [f"{key} = {value}" for key, value in {"precision": '"fp32"', **more}.items()]
        text = recipe_text.replace('"stdtrack"', f'"{tracker}"')
        text = text.replace("[[data]]", "\n".join([*lines, "", "[[data]]"]), 1)
        path = tmp_path / f"{tracker}.toml"
        path.write_text(text)
        return path

    return write


def started(count, *command, **environment):
    """Run a Python command in `count` processes, by torchrun if they are several."""
    start = (sys.executable,) if count == 1 else (*TORCHRUN, str(count))
    return subprocess.run(
        [*start, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def learned(count, recipe, data, out, steps):
    done = started(count, LEARN_STEPS, recipe, data, out, steps)
    assert done.returncode == 0, done.stderr
    num_processes, *rest = torch.load(out)
    assert num_processes == count
    return rest


def assert_close(one, two, tolerance, least=1e-4):
    """Compare tensors by name, relative to the largest value of each, but `least`."""
    assert one.keys() == two.keys()
    for name, value in one.items():
        room = tolerance * max(float(value.abs().max()), least)
        torch.testing.assert_close(two[name], value, atol=room, rtol=0, msg=f"{name} differs")


# Their losses divide by different counts of the truth.
@pytest.mark.parametrize(
    "tracker",
    [
        "stdtrack",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("ainet", "fgsgt", "siamcross", "smmt")),
    ],
)
def test_two_processes_learn_what_one_does(tracker, recipe, data_folder, tmp_path):
    path = recipe(tracker, **({"clip": 2} if tracker == "stdtrack" else {}))
    alone = learned(1, path, data_folder, tmp_path / "one.pt", 3)
    both = learned(2, path, data_folder, tmp_path / "two.pt", 3)
    for one, two in zip(alone[0], both[0], strict=True):  # of each step
        assert two == pytest.approx(one, rel=1e-6)
    assert all(value is not None for value in alone[1].values())
    assert_close(alone[1], both[1], 1e-5)  # gradients of the last step
    assert_close(alone[2], both[2], 1e-5)  # weights after it, and statistics of the norms


def test_a_run_goes_on_with_another_number_of_processes_and_the_first_writes(
    recipe, data_folder, tmp_path
):
    path, one, two = recipe(), tmp_path / "one", tmp_path / "two"
    command = (TRAIN_IN_DOUBLE, path, "--data", data_folder, "-o")
    assert started(1, *command, one).returncode == 0
    stopped = started(2, *command, two, STOP_AFTER="1")
    assert stopped.returncode != 0
    assert checkpoints.load(two / "last.safetensors").step == 1
    half = shutil.copytree(two, tmp_path / "half")

    done = started(2, *command, two)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{two / 'last.safetensors'}\n"
    assert "Warning" not in done.stderr
    assert started(1, *command, half).returncode == 0

    straight = checkpoints.load(one / "last.safetensors")
    for run in (two, half):
        assert {path.name for path in run.iterdir()} == {path.name for path in one.iterdir()}
        saved = checkpoints.load(run / "last.safetensors")
        assert (saved.step, saved.samples) == (2, 8)
        # The optimiser divides gradients by their size: rounding, where there is no other.
        assert_close(straight.part("model"), saved.part("model"), 1e-6)
        assert_close(straight.part("optimizer"), saved.part("optimizer"), 1e-6)


def test_a_batch_that_cannot_be_split_is_refused(recipe_text, data_folder, tmp_path, monkeypatch):
    three = processes.Processes(torch.device("cpu"), 0, 3, 0, 3)
    monkeypatch.setattr(loop, "joined", lambda device: nullcontext(three))
    with pytest.raises(RecipeError, match="A batch of 4 can't be split over 3 processes"):
        loop.train(recipe_text, tmp_path / "run", data=data_folder)


def test_a_process_alone_is_the_first_and_only_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with processes.joined("cpu") as alone:
        assert alone == processes.Processes(torch.device("cpu"))
        assert alone.is_first
        assert alone.from_first("told") == "told"
        assert len(list(alone.in_turn())) == 1
        assert (alone.threads(0), alone.threads(3)) == (0, 3)


def test_processes_of_one_machine_share_its_threads():
    one = processes.Processes(torch.device("cpu"), 1, 2, 1, 2)
    assert one.threads(0) == max((os.cpu_count() or 1) // 2, 1)
    assert one.threads(3) == 3


def test_what_a_loss_divides_by_is_at_least_one():
    assert processes.share_of_all(torch.tensor(0.0)) == 1
    assert processes.share_of_all(torch.tensor(7.0)) == 7


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_refused_and_auto_takes_the_cpu():
    with pytest.raises(RecipeError, match="finds 0 CUDA devices for 1 process"):  # noqa: SIM117
        with processes.joined("cuda"):
            pass
    with processes.joined("auto") as alone:
        assert alone.device.type == "cpu"


@pytest.mark.gpu
def test_one_process_trains_on_a_gpu(recipe, data_folder, tmp_path):
    run = tmp_path / "run"
    command = ("-m", "thermedge", "train", recipe(), "--data", data_folder, "-o", run)
    done = started(1, *command, "--device", "cuda")
    assert done.returncode == 0, done.stderr
    assert checkpoints.load(run / "last.safetensors").step == 2
