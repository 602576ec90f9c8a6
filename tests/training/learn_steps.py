"""Take a few steps of a recipe, and save the last gradients and the state; for torchrun too.

Arguments: recipe, data folder, output file, number of steps.
"""

import sys
from pathlib import Path

import torch

from thermedge.training import recipe
from thermedge.training.batches import Batches
from thermedge.training.loop import _Run
from thermedge.training.processes import joined


def main() -> None:
    source, data, out, steps = sys.argv[1:]
    plan, text = recipe.read(source)
    torch.set_default_dtype(torch.float64)  # else rounding would hide what differs
    with joined("cpu") as processes:
        torch.set_num_threads(1)
        run = _Run(plan, text, processes)
        inputs = (*run.net.template_inputs, *run.net.track_inputs)
        part = {"part": processes.rank, "parts": processes.count}
        batches = Batches(plan, Path(data), run.net.config.crop, inputs, **part)
        figures = []
        for number in range(int(steps)):
            batch = {name: part.double() for name, part in batches[number].items()}
            figures.append(run.learn(batch))
        gradients = {name: value.grad for name, value in run.net.named_parameters()}
        state = {name: value.clone() for name, value in run.net.state_dict().items()}
        if processes.is_first:
            torch.save((processes.count, figures, gradients, state), out)


if __name__ == "__main__":
    main()
