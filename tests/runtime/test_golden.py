import json
import shutil

import numpy as np
import pytest

from thermedge import bundle
from thermedge.bundles import find
from thermedge.errors import BackendError, BundleError
from thermedge.files import sha256_of
from thermedge.runtime import golden


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(find("default"), folder)
    return folder


def rewrite_golden(folder, change):
    with np.load(folder / bundle.GOLDEN) as file:
        arrays = dict(file)
    change(arrays)
    np.savez_compressed(folder / bundle.GOLDEN, **arrays)
    manifest = json.loads((folder / bundle.MANIFEST).read_text())
    manifest["files"][bundle.GOLDEN] = sha256_of(folder / bundle.GOLDEN)
    (folder / bundle.MANIFEST).write_text(json.dumps(manifest))


def test_the_shipped_bundle_computes_here_what_it_computed_at_export():
    gaps = golden.check(bundle.read(find("default")), precision="fp32")
    assert {"score", "offset", "size", "spread"} <= set(gaps)
    assert max(gaps.values()) < golden.TOLERANCE


def test_an_engine_that_computes_something_else_is_found(copied):
    def shift(arrays):
        arrays["1.out.score"][0, 0, 3, 4] += 0.01

    rewrite_golden(copied, shift)
    with pytest.raises(BackendError, match="score by 1"):
        golden.check(bundle.read(copied), precision="fp32")


def test_not_a_number_is_not_taken_for_equal(copied):
    def poison(arrays):
        arrays["0.out.size"][...] = np.nan

    rewrite_golden(copied, poison)
    with pytest.raises(BackendError, match="size by nan"):
        golden.check(bundle.read(copied), precision="fp32")


def test_golden_vectors_that_lack_a_tensor_are_refused(copied):
    rewrite_golden(copied, lambda arrays: arrays.pop("0.in.search"))
    with pytest.raises(BundleError, match="search"):
        golden.check(bundle.read(copied), precision="fp32")


def test_a_golden_file_that_is_no_archive_is_refused(copied):
    (copied / bundle.GOLDEN).write_bytes(b"no archive")
    manifest = json.loads((copied / bundle.MANIFEST).read_text())
    manifest["files"][bundle.GOLDEN] = sha256_of(copied / bundle.GOLDEN)
    (copied / bundle.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"golden\.npz"):
        golden.check(bundle.read(copied), precision="fp32")


def test_a_golden_file_without_vectors_proves_nothing(copied):
    rewrite_golden(copied, dict.clear)
    with pytest.raises(BundleError, match="none"):
        golden.check(bundle.read(copied), precision="fp32")
