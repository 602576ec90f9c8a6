import pytest

from thermedge import bundle, bundles
from thermedge.errors import BundleError


def test_the_default_ships():
    assert "default" in bundles.names()


@pytest.mark.parametrize("name", bundles.names())
def test_every_shipped_bundle_is_whole_small_and_named_after_its_folder(name):
    found = bundle.read(bundles.find(name))
    size = sum(path.stat().st_size for path in found.folder.iterdir())
    assert found.manifest.name == name
    assert size < 8_000_000
    assert found.manifest.origin.data


@pytest.mark.parametrize("name", bundles.names())
def test_every_shipped_bundle_credits_its_data_in_the_model_card(name):
    found = bundle.read(bundles.find(name))
    card = found.path(bundle.MODEL_CARD).read_text()
    for source in found.manifest.origin.data:
        assert source.licence in card
        assert source.credit in card


def test_a_folder_is_found_by_its_path(tmp_path):
    assert bundles.find(str(tmp_path)) == tmp_path


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(BundleError, match="'nobody'") as caught:
        bundles.find("nobody")
    assert "default" in caught.value.remedy


def test_a_folder_that_can_t_be_reached_is_told_as_that(tmp_path):
    with pytest.raises(BundleError, match="can't be reached: File name too long"):
        bundles.find(str(tmp_path / ("a" * 300)))
