import shutil

from thermedge import bundle
from thermedge.bundles import find
from thermedge.commands import main


def test_the_shipped_bundles_are_healthy(capsys):
    assert main(["doctor"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "default: stdtrack nano int8" in told
    assert "golden vectors reproduced" in told


def test_a_damaged_bundle_is_named_and_shows_in_the_exit_status(tmp_path, capsys):
    folder = tmp_path / "bundle"
    shutil.copytree(find("default"), folder)
    (folder / bundle.GOLDEN).unlink()
    assert main(["doctor", "--bundle", str(folder), "--bundle", "default"]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "FAILED" in told
    assert "default: stdtrack" in told
