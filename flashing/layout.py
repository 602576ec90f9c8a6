"""Where things lie on a board."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from thermedge.errors import BoardError

RELEASE_FILE = "release.json"
BUNDLE = "bundle"
WHEELHOUSE = "wheelhouse"
PARTIAL = ".partial"  # where a copy that broke left half a file; the next one goes on with it
SYSTEM = "system"  # below it: files for /, under their own paths
CONFIGURATION = "etc/thermedge/track.conf"
SERVICE = "thermedge.service"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one board.

    Args:
        root: / on the board itself, or a board's file system that is mounted elsewhere.
    """

    root: Path = Path("/")

    @property
    def home(self) -> Path:
        """All that is ours and never changes while it runs."""
        return self.root / "opt/thermedge"

    @property
    def releases(self) -> Path:
        """One folder per release."""
        return self.home / "releases"

    @property
    def current(self) -> Path:
        """The link to the release that runs."""
        return self.home / "current"

    @property
    def environments(self) -> Path:
        """Python environments; releases with the same packages share one."""
        return self.home / "environments"

    @property
    def incoming(self) -> Path:
        """What a flashed image brings, until its first boot has installed it."""
        return self.home / "incoming"

    @property
    def state(self) -> Path:
        """What the tracker and the installation keep."""
        return self.root / "var/lib/thermedge"

    @property
    def cache(self) -> Path:
        """Engines; built here, for this board alone."""
        return self.root / "var/cache/thermedge"


def check_version(version: str) -> None:
    """Refuse a release name that is no plain folder name.

    Raises:
        BoardError: It is not.
    """
    if not _VERSION.fullmatch(version):
        raise BoardError(
            f"{version!r} can't name a release.",
            "Use up to 80 letters, digits and . _ + - and begin with a letter or digit.",
        )
