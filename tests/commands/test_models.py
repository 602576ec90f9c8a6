"""Facts about `thermedge models`."""

import json

from thermedge import bundles, models
from thermedge.commands import main
from thermedge.export import figures


def test_every_tracker_is_listed_with_what_it_costs_and_needs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    for one in figures.read().figures:
        (line,) = [
            line for line in told.splitlines() if one.tracker in line and f" {one.size} " in line
        ]
        assert f"{one.running:,}" in line
        assert one.needs in line
    assert figures.read().machine in told
    assert all(name in told for name in bundles.names())


def test_json_holds_all_figures(capsys):
    assert main(["models", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert {one["tracker"] for one in table["figures"]} == set(models.TRACKERS)


def test_measuring_keeps_the_new_figures(capsys, monkeypatch, tmp_path):
    kept = figures.read().figures
    path = tmp_path / "figures.toml"
    path.write_text(figures.FILE.read_text())
    monkeypatch.setattr(figures, "FILE", path)
    measured = []

    def measure(tracker, size):
        measured.append((tracker, size))
        return next(one for one in kept if (one.tracker, one.size) == (tracker, size))

    monkeypatch.setattr(figures, "measure", measure)
    assert main(["models", "--measure"]) == 0
    assert measured == [(one.tracker, one.size) for one in kept]
    assert "visible" in capsys.readouterr().out
