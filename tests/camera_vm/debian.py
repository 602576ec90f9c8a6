"""Get Debian packages without installing them: no root, and nothing changes on the host.

apt runs with a state of its own, so it sees the host's sources but not its list of packages.
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

HOST_STATUS = Path("/var/lib/dpkg/status")


class NotHereError(Exception):
    """This machine can't run the tests, through no fault of theirs. Says what is missing."""


class Packages:
    """What the host's apt sources offer for one architecture.

    Args:
        state: Folder for apt's lists and downloads; made.
        architecture: Debian's name, amd64 or arm64; by default the host's.
        besides: The status file of packages that are there already; None: none are.
    """

    def __init__(
        self, state: Path, architecture: str | None = None, *, besides: Path | None = None
    ) -> None:
        architecture = architecture or host_architecture()
        for folder in ("lists/partial", "archives/partial"):
            (state / folder).mkdir(parents=True)
        status = besides or state / "status"
        if besides is None:
            status.touch()
        settings = {
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "",  # another user could not write here
            "Acquire::Languages": "none",
            "Dir::State": state,
            "Dir::State::status": status,
            "Dir::Cache": state,
        }
        lines = ["#clear APT::Architectures;"]
        lines += [f'{key} "{value}";' for key, value in settings.items()]
        (state / "apt.conf").write_text("\n".join(lines), encoding="utf-8")
        self._environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf"), "LC_ALL": "C"}
        self._is_fresh = False

    def needed(self, *names: str) -> set[str]:
        """Return `names` and all that they need, less what is there already.

        Raises:
            NotHereError: apt does not know one of them.
        """
        done = self._run(
            *("apt-get", "install", "--simulate", "--no-install-recommends", *names), check=False
        )
        if done.returncode:
            raise NotHereError(f"apt offers no {' '.join(names)}: {_last_line(done.stderr)}")
        return set(re.findall(r"^Inst (\S+) \(", done.stdout, re.M))  # an upgrade has a [ here

    def direct(self, name: str, pattern: str) -> set[str]:
        """Return the direct dependencies of `name` whose names fit `pattern`."""
        done = self._run("apt-cache", "depends", name, check=False)
        found = re.findall(rf"^ *Depends: ({pattern})$", done.stdout, re.M)
        if not found:
            raise NotHereError(f"apt offers no {name} here")
        return set(found)

    def unpack(self, names: Iterable[str], root: Path) -> None:
        """Download packages and unpack them below `root`. None of their scripts run."""
        root.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent) as downloads:
            self._run("apt-get", "download", "--quiet", *names, folder=Path(downloads))
            for deb in Path(downloads).glob("*.deb"):
                self._run("dpkg-deb", "--extract", str(deb), str(root))

    def _run(
        self, *command: str, folder: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        if not self._is_fresh:
            # A source that does not answer is no failure yet: another may have what is needed.
            run("apt-get", "update", "--quiet", check=False, environment=self._environment)
            self._is_fresh = True
        return run(*command, folder=folder, check=check, environment=self._environment)


def run(
    *command: str,
    folder: Path | None = None,
    check: bool = True,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a tool; when it fails, what it said is the error."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        said = done.stdout + done.stderr
        raise RuntimeError(f"{shlex.join(command)} gave {done.returncode}:\n{said}")
    return done


def tools_in(root: Path) -> dict[str, str]:
    """Return an environment in which the host's tools are found, and those below `root`."""
    folders = {
        "PATH": [root / "usr/bin", root / "bin"],
        "LD_LIBRARY_PATH": [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")],
    }
    environment = dict(os.environ)
    for variable, paths in folders.items():
        inherited = [environment[variable]] if environment.get(variable) else []
        environment[variable] = os.pathsep.join([*inherited, *map(str, paths)])
    return environment


def host_architecture() -> str:
    """Return the host's architecture as Debian calls it."""
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NotHereError(f"{tool} is missing: packages come from Debian's apt")
    name = run("dpkg", "--print-architecture").stdout.strip()
    if name not in ("amd64", "arm64"):
        raise NotHereError(f"there are guests for amd64 and arm64, and this is {name}")
    return name


def release() -> str:
    """Return the host's Debian release, which decides what apt offers."""
    path = Path("/etc/os-release")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)', text, re.M))
    if fields.get("ID") != "debian":
        name = fields.get("PRETTY_NAME", "another system")
        raise NotHereError(f"the guest is made of Debian's packages, and this is {name}")
    return fields["VERSION_CODENAME"]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
