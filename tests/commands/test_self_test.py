import shutil

from thermedge.bundles import find
from thermedge.commands import main


def test_a_good_bundle_passes_with_one_line(capsys):
    assert main(["track", "--self-test", "--backend", "ort"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("self-test passed: default")


def test_a_damaged_bundle_fails_with_the_remedy_and_status_1(tmp_path, capsys):
    shutil.copytree(find("default"), tmp_path / "bad")
    (tmp_path / "bad" / "golden.npz").write_bytes(b"")
    assert main(["track", "--self-test", "--bundle", str(tmp_path / "bad")]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("self-test failed: ")
    assert told.err.startswith("fix: ")
