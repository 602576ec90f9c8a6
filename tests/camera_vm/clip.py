"""A short recording of 16 bits, and what the tracker makes of it on this machine."""

import subprocess
import sys
from pathlib import Path

import cv2

from thermedge.runtime.sources import open_source

SCENE = "synthetic:frames=16,seed=3"
REFERENCE = "reference.jsonl"  # beside the pictures
ENGINE = ("--backend", "ort", "--precision", "fp32")  # what every machine has


def write(folder: Path) -> None:
    """Write `folder`/frames, the target's box in `init`, and the tracks found here."""
    frames = folder / "frames"
    frames.mkdir(parents=True)
    with open_source(SCENE) as source:
        box = source.start_box
        assert box is not None
        for frame in source:
            cv2.imwrite(str(frames / f"{frame.index:04}.png"), frame.counts)
    text = ",".join(f"{side:.3f}" for side in (box.x, box.y, box.w, box.h))
    (folder / "init").write_text(text, encoding="utf-8")
    track = (sys.executable, "-m", "thermedge", "track", str(frames), "--init", text, *ENGINE)
    subprocess.run([*track, "--out", str(folder / REFERENCE)], check=True, capture_output=True)
