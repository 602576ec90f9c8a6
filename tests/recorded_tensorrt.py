"""TensorRT's Python API as it was recorded, without TensorRT behind it.

tensorrt_surfaces/ holds names, arguments and enums, read by importing NVIDIA's own bindings
(8.6.1, 10.3.0, 10.16.1, 11.4.0) beside empty libraries. 8.5.2 is for a Python that is too old
to run here: it is 8.6.1 less the names that do not occur in the file of its bindings, 8.5.2.2.

A name that the version does not have raises AttributeError, a call that it would refuse
TypeError. What a call gives back is made from the recorded return type, unless a test says.
"""

from __future__ import annotations

import enum
import json
from pathlib import Path
from types import ModuleType
from typing import Any

SURFACES = Path(__file__).with_name("tensorrt_surfaces")
VERSIONS = ("8.5.2", "8.6.1", "10.3.0", "10.16.1", "11.4.0")


class Recorded(ModuleType):
    """One version of the module tensorrt.

    `answers["Builder.num_DLA_cores"]` is a value, or a function of the call's arguments that
    makes one; the object itself comes first. `calls` lists what was called.
    """

    def __init__(self, version: str) -> None:
        super().__init__("tensorrt")
        surface = json.loads((SURFACES / f"{version}.json").read_text())
        self.__version__ = surface["version"]
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[Any, ...]] = []
        enums = surface["enums"]
        severity = enum.IntEnum("Severity", enums.pop("Severity"))
        for name, members in enums.items():
            setattr(self, name, enum.IntEnum(name, members))
        for name, members in surface["classes"].items():
            setattr(self, name, _class(self, name, members))
        self.ILogger.Severity = severity
        for one in severity:
            setattr(self.ILogger, one.name, one)

    def answer(self, key: str, returns: str, *arguments: Any) -> Any:
        """Return what a call or a property gives."""
        if key in self.answers:
            given = self.answers[key]
            return given(*arguments) if callable(given) else given
        plain = {"bool": True, "int": 0, "str": "", "None": None}
        return plain[returns] if returns in plain else self._new(returns)

    def _new(self, name: str) -> Any:
        kind = getattr(self, name)
        return kind.__new__(kind)


def _class(module: Recorded, name: str, members: dict[str, Any]) -> type:
    properties = set(members["properties"])

    def set_attribute(self: Any, key: str, value: Any) -> None:
        if type(self).__name__ == name and key not in properties:
            raise AttributeError(f"{name} of {module.__version__} has no {key}")
        object.__setattr__(self, key, value)

    def get_missing(self: Any, key: str) -> Any:
        if key not in properties:
            raise AttributeError(f"{name} of {module.__version__} has no {key}")
        return module.answer(f"{name}.{key}", "int", self)

    def to_bytes(self: Any) -> bytes:
        return bytes(module.answers.get(f"{name}.bytes", b"made by a recorded " + name.encode()))

    body: dict[str, Any] = {
        "__setattr__": set_attribute,
        "__getattr__": get_missing,
        "__bytes__": to_bytes,
    }
    for method, signatures in members["methods"].items():
        body[method] = _method(module, name, method, signatures)
    return type(name, (), body)


def _method(module: Recorded, name: str, method: str, signatures: list[Any]) -> Any:
    def call(self: Any, *given: Any, **named: Any) -> Any:
        for arguments, returns in signatures:
            names = [one.rstrip("=") for one in arguments]
            needed = [one for one in arguments if not one.endswith("=")]
            filled = set(names[: len(given)]) | set(named)
            if len(given) <= len(names) and set(named) <= set(names) and set(needed) <= filled:
                module.calls.append((f"{name}.{method}", *given, *named.values()))
                return module.answer(f"{name}.{method}", returns, self, *given, *named.values())
        raise TypeError(f"{name}.{method} of {module.__version__} takes {signatures}")

    return call
