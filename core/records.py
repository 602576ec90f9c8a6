"""Read frozen dataclasses from JSON or TOML; a typo is an error, never a default."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


class RecordError(ValueError):
    """A key is missing, unknown, or holds a value of the wrong kind."""


def from_mapping(kind: type[Record], values: object, where: str = "") -> Record:
    """Build the dataclass `kind` from a mapping, and so on down to the leaves.

    Fields without a default are required and unknown keys are refused. A whole number
    is taken where a float is asked for, never the other way round.

    Args:
        kind: A dataclass whose fields are bool, int, float, str, Literal, dataclasses,
            `X | None`, `tuple[X, ...]`, `tuple[X, Y]` or `dict[str, X]`.
        values: What json.load or tomllib.load returned.
        where: Dotted path of `values`, for the message.

    Raises:
        RecordError: With the dotted path, what came and what was expected.
    """
    name = where or kind.__name__
    if not isinstance(values, Mapping):
        raise RecordError(f"{name} is {_shown(values)}, expected a table of keys")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise RecordError(f"{name} has no key {unknown[0]!r}; it knows {', '.join(fields)}")
    required = [
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [key for key in required if key not in values]
    if missing:
        raise RecordError(f"{name} lacks the key {missing[0]!r}")
    prefix = f"{where}." if where else ""
    return kind(**{key: _value(hints[key], values[key], prefix + key) for key in values})


def to_mapping(record: Any) -> dict[str, Any]:
    """Return the plain dicts, lists and numbers that `from_mapping` reads back."""
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        (only,) = [choice for choice in inner if choice is not type(None)]
        return _value(only, value, where)
    if origin is Literal:
        if value not in inner:
            raise RecordError(f"{where} is {_shown(value)}, expected one of {inner}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise RecordError(f"{where} is {_shown(value)}, expected a list")
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        if len(value) != len(kinds):
            raise RecordError(f"{where} is {_shown(value)}, expected {len(kinds)} values")
        pairs = zip(kinds, value, strict=True)
        return tuple(_value(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise RecordError(f"{where} is {_shown(value)}, expected a table of keys")
        return {str(key): _value(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_mapping(hint, value, where)  # type: ignore[arg-type]
    return _leaf(hint, value, where)


def _leaf(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise RecordError(f"{where} is {_shown(value)}, too large for a number") from None
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise RecordError(f"{where} is {_shown(value)}, expected {hint.__name__}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
