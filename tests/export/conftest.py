import shutil

import pytest

from thermedge import bundle
from thermedge.export import graph, package, settings


@pytest.fixture
def last(trained):
    """The checkpoint that `exported` was made of."""
    return trained[2] / "last.safetensors"


@pytest.fixture
def graphs_at_hand(exported, monkeypatch):
    """Let exports of `last` take the graphs of `exported`, which take seconds to make."""
    manifest = bundle.read(exported[2]).manifest

    def copied(net, template, track):
        shutil.copy(exported[2] / bundle.TEMPLATE_GRAPH, template)
        shutil.copy(exported[2] / bundle.TRACK_GRAPH, track)
        return manifest.template, manifest.track

    monkeypatch.setattr(graph, "to_onnx", copied)


@pytest.fixture
def export(last, graphs_at_hand):
    """Return a function that exports `last` in a moment."""

    def run(folder, name="again"):
        return package.export(
            last, settings.read(settings.shipped("stdtrack", "nano")), folder, name
        )

    return run
