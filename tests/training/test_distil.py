"""Facts about imitating a trained network."""

from dataclasses import replace

import pytest
import torch

from thermedge import models
from thermedge.errors import RecipeError
from thermedge.models import checkpoint as checkpoints
from thermedge.models import stdtrack
from thermedge.models.net import window_shape
from thermedge.training import distil, loop, record
from thermedge.training.losses import targets_of

pytestmark = pytest.mark.usefixtures("pack_cache")


def batch_of(net):
    """Return two pairs with the target in the middle."""
    side = net.config.crop.search_px
    batch = {
        "present": torch.ones(2),
        "target_px": torch.full((2, 2), 40.0),
        "target": torch.tensor([[side / 2, side / 2, 40.0, 36.0]] * 2),
        "motion": torch.zeros(2, 2),
        "changed": torch.zeros(2, 2),
    }
    torch.manual_seed(3)
    for name in (*net.template_inputs, *net.track_inputs):
        if name != "target_px":
            batch[name] = torch.rand(2, *window_shape(name, net.config.crop)[1:])
    return batch


@pytest.mark.parametrize("tracker", models.TRACKERS)
def test_nothing_is_to_be_learned_from_oneself_and_much_from_another(tracker, lively_network):
    net = lively_network(tracker, "nano")
    batch = batch_of(net)
    targets = targets_of(batch)
    same = distil.imitation(net.answers(batch), distil.answers(net, batch), targets)
    assert same.item() == pytest.approx(0, abs=1e-6)

    torch.manual_seed(8)
    other = models.build(tracker, "nano").eval()
    far = distil.imitation(other.answers(batch), distil.answers(net, batch), targets)
    assert far.item() > 0.1
    torch.autograd.backward(far)
    learning = [name for name, value in other.named_parameters() if value.grad is not None]
    assert any("score" in name for name in learning)
    assert any("box" in name for name in learning)
    assert all(value.grad is None for value in net.parameters())


def test_the_boxes_of_windows_without_a_target_are_not_imitated(network):
    batch = batch_of(network) | {"present": torch.zeros(2)}
    taught = distil.answers(network, batch)
    moved = taught._replace(offset=taught.offset + 3, size=taught.size - 1)
    assert distil.imitation(moved, taught, targets_of(batch)).item() == pytest.approx(0, abs=1e-6)


@pytest.fixture
def train(tiny, data_folder, tmp_path):
    def run(name, weight=0.0, lines="", **options):
        text = tiny.replace("average =", f"{lines}\nteacher_weight = {weight}\naverage =")
        options = {"data": data_folder, "workers": 0, "threads": 1, "device": "cpu"} | options
        return loop.train(text, tmp_path / name, **options)

    return run


def test_a_taught_run_comes_nearer_to_its_teacher_than_an_untaught_one(
    train, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_LOG_EVERY", 1)
    more = 'precision = "fp32"'
    teacher = train("teacher", lines=more)
    net = checkpoints.network(checkpoints.load(teacher))
    batch = batch_of(net)

    def distance(last):
        pupil = checkpoints.network(checkpoints.load(last))
        far = distil.imitation(pupil.answers(batch), distil.answers(net, batch), targets_of(batch))
        return far.item()

    seed = more + "\nclip = 2"  # other steps than the teacher's
    taught = train("taught", 100.0, lines=seed, teacher=teacher)  # its steps are few
    untaught = train("untaught", lines=seed)
    assert distance(teacher) == pytest.approx(0, abs=1e-6)
    assert distance(taught) < 0.9 * distance(untaught)

    log = record.entries(tmp_path / "taught" / record.LOG)
    assert all(entry["teacher"] > 0 for entry in log)
    assert "loss: teacher" in (tmp_path / "taught" / record.CURVES).read_text()


def test_teacher_and_weight_belong_together(train, tmp_path):
    teacher = train("teacher")
    with pytest.raises(RecipeError, match="teacher_weight is 1, and no teacher is given"):
        train("pupil", 1.0)
    with pytest.raises(RecipeError, match="teacher_weight is 0, and a teacher is given"):
        train("pupil", 0.0, teacher=teacher)
    with pytest.raises(RecipeError, match="teacher_weight is -1, expected 0 or more"):
        train("pupil", -1.0, teacher=teacher)


def test_a_teacher_that_sees_other_windows_is_refused(train, checkpoint_file):
    with pytest.raises(RecipeError, match="A stdtrack nano can't teach this stdtrack"):
        train("pupil", 1.0, teacher=checkpoint_file)


def test_a_larger_network_of_the_same_windows_can_teach(train, monkeypatch, tiny):
    wide = replace(stdtrack.SIZES["tiny"], features=16, head=16)
    monkeypatch.setitem(stdtrack.SIZES, "wide", wide)
    saved = checkpoints.load(train("start"))
    state = models.build("stdtrack", "wide").state_dict()
    tensors = {f"average.{name}": value for name, value in state.items()}
    path = train("start").with_name("wide.safetensors")
    checkpoints.save(replace(saved, size="wide", tensors=tensors), path)
    assert checkpoints.load(train("pupil", 1.0, teacher=path)).step == 6
