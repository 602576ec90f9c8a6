"""A report as a list of blocks, and the two forms it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the document's own."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short texts."""

    items: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text; the first column is aligned left, the others as numbers, right."""

    header: list[str]
    rows: list[list[str]]
    of_numbers: bool = True  # False: all columns are aligned left


@dataclass(frozen=True, slots=True)
class Figures:
    """SVG drawings side by side; Markdown leaves them out."""

    drawings: list[str]


Block = Heading | Paragraph | Bullets | Table | Figures

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #8884; }
.numbers :is(th, td):not(:first-child) { text-align: right; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; }
"""


def to_markdown(blocks: list[Block]) -> str:
    """Return the report as GitHub's Markdown."""
    return "\n\n".join(text for text in map(_markdown, blocks) if text) + "\n"


def to_html(blocks: list[Block]) -> str:
    """Return the report as one HTML file that needs nothing else."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    body = "\n".join(map(_html, blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Table(header, rows, of_numbers):
            marks = ["---"] + ["---:" if of_numbers else "---"] * (len(header) - 1)
            lines = [header, marks, *rows]
            return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
        case Figures():
            return ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Table(header, rows, of_numbers):
            kind = "numbers" if of_numbers else "texts"
            head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                for row in rows
            )
            return (
                f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
            )
        case Figures(drawings):
            return f'<div class="figures">{"".join(drawings)}</div>'
