"""Facts about what trackers cost."""

from dataclasses import replace

import pytest

from thermedge import models
from thermedge.export import figures


def test_every_tracker_has_its_figures_in_two_sizes_or_more():
    known = [(one.tracker, one.size) for one in figures.read().figures]
    assert known == [(name, size) for name in models.TRACKERS for size in models.sizes(name)]
    assert all({"nano", "base"} <= set(models.sizes(name)) for name in models.TRACKERS)


@pytest.mark.graphs  # a minute and more
@pytest.mark.parametrize("tracker", models.TRACKERS)
def test_the_kept_figures_are_those_that_are_measured(tracker):
    (kept,) = [
        one for one in figures.read().figures if (one.tracker, one.size) == (tracker, "nano")
    ]
    came = figures.measure(tracker, "nano")
    assert came.latency_ms > 0
    assert replace(came, latency_ms=kept.latency_ms) == kept
    assert came.running < came.trained
    assert came.nodes_after < came.nodes_before


def test_figures_are_read_as_they_were_written(tmp_path, monkeypatch):
    some = list(figures.read().figures[:2])
    monkeypatch.setattr(figures, "FILE", tmp_path / "figures.toml")
    figures.write(some)
    again = figures.read()
    assert list(again.figures) == some
    assert again.machine
