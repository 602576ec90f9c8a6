"""Facts about the two forms of a report."""

from html.parser import HTMLParser

from thermedge.evaluation.document import (
    Block,
    Bullets,
    Figures,
    Heading,
    Paragraph,
    Table,
    to_html,
    to_markdown,
)

BLOCKS: list[Block] = [
    Heading("Report <1>", 1),
    Paragraph("a & b"),
    Bullets(["one", "two"]),
    Table(["name", "x"], [["a|b", "1"], ["<c>", "2"]]),
    Table(["key", "value"], [["k", "v"]], of_numbers=False),
    Figures(["<svg>plot</svg>"]),
]


class Checker(HTMLParser):
    """Follows open elements, and collects text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_is_one_whole_file_without_links() -> None:
    text = to_html(BLOCKS)
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.links == []
    assert text.startswith("<!doctype html>")
    assert {"h1", "p", "ul", "table", "svg"} <= set(checker.seen)
    joined = "".join(checker.text)
    for piece in ("Report <1>", "a & b", "a|b", "<c>", "plot"):
        assert piece in joined


def test_markdown_has_the_same_but_for_the_figures() -> None:
    assert to_markdown(BLOCKS) == (
        "# Report <1>\n\na & b\n\n- one\n- two\n\n"
        "| name | x |\n| --- | ---: |\n| a\\|b | 1 |\n| <c> | 2 |\n\n"
        "| key | value |\n| --- | --- |\n| k | v |\n"
    )


def test_a_report_without_a_heading_has_no_title() -> None:
    assert "<title></title>" in to_html([Paragraph("x")])
