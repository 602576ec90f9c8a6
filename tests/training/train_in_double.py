"""`thermedge train` in double precision, else rounding would hide what differs; for torchrun too.

The arguments are those of `thermedge train`; STOP_AFTER, a number of steps, ends the run there
as if it had been killed, with a checkpoint of each step before.
"""

import os
import sys

import torch

from thermedge.commands import main
from thermedge.training import loop
from thermedge.training.batches import Batches

torch.set_default_dtype(torch.float64)
_single = Batches.__getitem__
Batches.__getitem__ = lambda self, number: {
    name: part.double() for name, part in _single(self, number).items()
}

if stop_after := int(os.environ.get("STOP_AFTER", "0")):
    loop._SAVE_EVERY_S = -1
    keep = loop._keep

    def kept(run, last, record):
        keep(run, last, record)
        if run.step == stop_after:
            raise SystemExit(9)

    loop._keep = kept

if __name__ == "__main__":
    raise SystemExit(main(["train", *sys.argv[1:], "--workers", "0", "--device", "cpu"]))
