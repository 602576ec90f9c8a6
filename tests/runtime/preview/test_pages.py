"""Facts about the page's files: nothing from elsewhere, and nothing that its policy refuses."""

import re
from html.parser import HTMLParser

import pytest

from thermedge.runtime.preview.pages import read_pages

PAGES = read_pages()
HTML = [name for name in PAGES if name.endswith(".html")]


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(name):
    return Elements(PAGES[name].content.decode()).found


@pytest.mark.parametrize("name", PAGES)
def test_no_file_leads_elsewhere(name):
    text = PAGES[name].content.decode().replace("http://www.w3.org/2000/svg", "")
    text = text.replace("http://127.0.0.1:8737", "")
    assert not re.findall(r"https?://\w|//\w+\.\w+/|@import|url\(", text)


@pytest.mark.parametrize("name", HTML)
def test_no_script_or_style_stands_in_a_page(name):
    for tag, attributes in elements(name):
        assert not [key for key in attributes if key.startswith("on") or key == "style"], tag
        assert tag != "style"
        if tag == "script":
            assert attributes["src"].startswith("/page/")


@pytest.mark.parametrize("name", HTML)
def test_every_link_leads_to_something_that_is_there(name):
    for _, attributes in elements(name):
        for key in ("src", "href"):
            target = attributes.get(key, "")
            if target.startswith("/page/"):
                assert target.removeprefix("/page/") in PAGES


def test_imports_of_scripts_are_there():
    for name, page in PAGES.items():
        for target in re.findall(r'from "(/page/[^"]+)"', page.content.decode()):
            assert target.removeprefix("/page/") in PAGES, name


def test_ids_that_the_script_looks_for_are_in_the_page():
    wanted = set(re.findall(r'(?:find|setText)\("([\w-]+)"', PAGES["main.js"].content.decode()))
    ids = [attributes["id"] for _, attributes in elements("index.html") if "id" in attributes]
    assert wanted <= set(ids)
    assert len(ids) == len(set(ids))


def test_every_input_has_a_label_and_every_picture_a_word():
    found = elements("index.html")
    labelled = {attributes.get("for") for tag, attributes in found if tag == "label"}
    for tag, attributes in found:
        if tag == "input" and attributes.get("type") != "radio":
            assert attributes["id"] in labelled
        if tag in {"svg", "canvas"}:
            assert "aria-hidden" in attributes or "aria-label" in attributes
    assert ("html", {"lang": "en"}) in found


def test_a_tag_changes_with_the_content():
    tags = {page.tag for page in PAGES.values()}
    assert len(tags) == len(PAGES)
