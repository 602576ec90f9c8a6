"""The constants of the online loop that a bundle is written with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thermedge.errors import RecipeError
from thermedge.manifest import HeadSpec, LoopSpec, MemorySpec, ScalingSpec, TokenSpec
from thermedge.records import RecordError, from_mapping
from thermedge.toml import loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the weights do not say: chosen on validation sequences, kept in a file."""

    scaling: ScalingSpec
    head: HeadSpec
    loop: LoopSpec
    memory: MemorySpec
    tokens: TokenSpec | None = None


def read(path: Path) -> Settings:
    """Read a settings file.

    Raises:
        RecipeError: It is missing, or a key is wrong.
    """
    remedy = f"Compare it with the shipped ones in {Path(__file__).parent / 'settings'}."
    try:
        return from_mapping(Settings, loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(f"{path} can't be read: {error.strerror}.", remedy) from error
    except (RecordError, ValueError) as error:
        raise RecipeError(f"{path}: {error}.", remedy) from error


def shipped(tracker: str, size: str) -> Path:
    """Return the settings file of a tracker and size."""
    return Path(__file__).parent / "settings" / f"{tracker}_{size}.toml"
