"""A manifest that follows the schema without repeating it."""

import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from thermedge.manifest import FORMAT, Manifest


def example(hint: Any) -> Any:
    """Return a value of the annotation `hint`: numbers are 1, and containers hold one item."""
    if dataclasses.is_dataclass(hint):
        return hint(**{name: example(kind) for name, kind in get_type_hints(hint).items()})  # type: ignore[operator]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return inner[0]
    if origin is tuple:
        kinds = inner[:1] if inner[-1] is Ellipsis else inner
        return tuple(example(kind) for kind in kinds)
    if type(None) in inner:  # X | None
        return example(inner[0])
    if origin is dict:
        return {"name": example(inner[1])}
    return hint(1) if hint in (int, float) else hint()


@pytest.fixture
def manifest() -> Manifest:
    """A whole manifest that says nothing."""
    return dataclasses.replace(example(Manifest), format=FORMAT)
