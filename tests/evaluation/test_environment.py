"""Facts about the conditions that are noted with results."""

import subprocess
from pathlib import Path

import numpy as np

from thermedge import __version__
from thermedge.evaluation import environment


def test_versions_and_machine_are_told() -> None:
    known = environment.described()
    assert known["thermedge"] == __version__
    assert known["numpy"] == np.__version__
    assert known["machine"].endswith(" cores")
    assert all(known.values())


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert environment.commit(tmp_path) == ""
    assert environment.commit(tmp_path / "none") == ""


def test_a_commit_with_changed_files_is_marked(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
        done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "first", "--no-verify", "--no-gpg-sign")
    head = git("rev-parse", "HEAD")
    assert environment.commit(tmp_path) == head[:12]
    (tmp_path / "file").write_text("two")
    assert environment.commit(tmp_path) == head[:12] + "+"
