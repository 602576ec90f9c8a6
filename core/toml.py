"""TOML on every Python that we support."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping

if sys.version_info >= (3, 11):
    from tomllib import loads
else:
    from tomli import loads

__all__ = ["dumps", "loads"]


def dumps(values: Mapping[str, object]) -> str:
    """Return TOML that `loads` reads back: numbers, words, lists, tables, lists of tables.

    Tables within tables and None are not written: nothing of ours has them.
    """
    return "\n".join(_lines(values)) + "\n"


def _lines(values: Mapping[str, object]) -> Iterator[str]:
    tables = {key: value for key, value in values.items() if _is_table(value)}
    yield from (f"{key} = {_value(v)}" for key, v in values.items() if key not in tables)
    for key, value in tables.items():
        for one, head in (
            [(value, f"[{key}]")]
            if isinstance(value, Mapping)
            else [
                (part, f"[[{key}]]")
                for part in value  # type: ignore[attr-defined]
            ]
        ):
            yield from ("", head, *(f"{name} = {_value(item)}" for name, item in one.items()))


def _value(value: object) -> str:
    # TOML knows no pairs of escapes: what lies beyond 16 bits stands as it is.
    return json.dumps(value, ensure_ascii=False)


def _is_table(value: object) -> bool:
    rows = value if isinstance(value, (list, tuple)) else [value]
    return bool(rows) and all(isinstance(row, Mapping) for row in rows)
