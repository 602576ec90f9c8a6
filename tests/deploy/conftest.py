"""A board to deploy to: this machine's own sshd in a private view of the file system.

The sshd and rsync come from Debian's packages, unpacked and not installed. In a mount namespace
of its own, /opt, /etc, /var, /run and the login's home are memory, so the real paths are used
and nothing on this machine changes. systemctl is a script that notes what it was asked.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(CHECKOUT / "tests/camera_vm")]

import cache  # noqa: E402
import debian  # noqa: E402
import discs  # noqa: E402
import hottest  # noqa: E402

from thermedge import bundle as bundles  # noqa: E402
from thermedge.files import sha256_of  # noqa: E402
from thermedge.flashing import wheelhouse  # noqa: E402

BOARD_PYTHON = "/usr/bin/python3"
SYSTEMCTL = """\
#!/bin/sh
# Active is what runs; a release named in `refused` does not start.
cd {service}
echo "$@" >> calls
release=$(basename "$(readlink /opt/thermedge/current)")
case "$1" in
is-active) test -e active ;;
restart)
    rm -f active
    if grep -qx "$release" refused; then
        echo "Job for thermedge.service failed." >&2
        exit 1
    fi
    echo "$release" > active ;;
show) echo NRestarts=0 ;;
esac
"""
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/login_key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 50
SetEnv PATH={folder}/bin:{tools}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin LD_LIBRARY_PATH={libraries}
"""
SSH = """\
Host {names}
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile {folder}/login_key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    HostKeyAlias board
    StrictHostKeyChecking yes
Host cut
    ProxyCommand {python} {here}/cut.py {port} 20000000
"""
# What the board's file system is made of before its sshd starts.
START = """\
set -e
mount --make-rprivate /
for place in etc var; do
    mkdir -p {memory}/$place/upper {memory}/$place/work
    mount -t overlay \\
        -o lowerdir=/$place,upperdir={memory}/$place/upper,workdir={memory}/$place/work \\
        overlay /$place
done
mount -t tmpfs -o {opt} tmpfs /opt
mount -t tmpfs tmpfs /run
mount -t tmpfs -o {home} tmpfs {folder}/home
mkdir -p /run/systemd/system /run/sshd
sed -i '/^root:/d; /^sshd:/d' /etc/passwd /etc/shadow
echo 'root:x:0:0::{folder}/home:/bin/sh' >> /etc/passwd
echo 'root:*:19000::::::' >> /etc/shadow
echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >> /etc/passwd
exec {tools}/usr/sbin/sshd -D -e -f {folder}/sshd_config
"""


@dataclass
class Board:
    """One sshd, and what lies behind it."""

    folder: Path
    process: subprocess.Popen[bytes]
    python: str

    def shell(self, command: str) -> str:
        """Run a command in the board's view of the file system."""
        done = subprocess.run(
            ["nsenter", f"--target={self.process.pid}", "--mount", "sh", "-c", command],
            env={"PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def current(self) -> str:
        return self.shell("basename $(readlink /opt/thermedge/current || echo /none)")

    @property
    def running(self) -> str:
        """The release that the service was last started with."""
        path = self.folder / "service/active"
        return path.read_text().strip() if path.is_file() else ""

    @property
    def calls(self) -> list[str]:
        return (self.folder / "service/calls").read_text().splitlines()

    def deploy(self, *arguments: object, host: str = "board") -> subprocess.CompletedProcess[str]:
        """Call `thermedge deploy` as a user does."""
        command = [sys.executable, "-m", "thermedge", "deploy", *host.split(), *map(str, arguments)]
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([f"{self.folder}/bin", os.environ["PATH"]]),
        }
        return subprocess.run(
            [*command, "--ssh-config", str(self.folder / "ssh_config"), "--soak", "0.2"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def kept():
    """The folder in which slow things are kept from run to run."""
    if os.geteuid() != 0:
        pytest.skip("a private view of the file system needs root")
    try:
        debian.release()
        with cache.opened("deploy", when_busy=lambda: None) as folder:
            yield folder
    except debian.NotHereError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def tools(kept):
    """sshd and rsync, with the libraries that this machine lacks."""

    def make(folder):
        packages = debian.Packages(folder / "apt", besides=debian.HOST_STATUS)
        needed = packages.needed("openssh-server", "rsync")
        packages.unpack(needed | {"openssh-server", "rsync"}, folder / "root")
        shutil.rmtree(folder / "apt")

    source = (CHECKOUT / "tests/camera_vm/debian.py").read_text()
    return cache.kept(kept, "tools", debian.release(), source, make=make) / "root"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    discs._copy_sources(folder / "source")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    debian.run(sys.executable, "-m", "pip", "--quiet", *build, str(folder / "source"))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def make_wheelhouse(kept, wheel, tmp_path_factory):
    """Return a function that gathers the wheels for a Python and a machine."""

    def make(minor, machine):
        def gather(folder):
            wheelhouse.gather(
                wheel,
                folder / "house",
                pins=CHECKOUT / "constraints.txt",
                minor=minor,
                machine=machine,
            )

        name = f"wheels-3.{minor}-{machine}"
        house = cache.kept(kept, name, discs.pins(), make=gather) / "house"
        fresh = tmp_path_factory.mktemp("wheelhouse")
        for path in house.iterdir():
            if not path.name.startswith("thermedge-"):
                os.link(path, fresh / path.name)
        shutil.copy(wheel, fresh)
        return fresh

    return make


@pytest.fixture(scope="session")
def house(make_wheelhouse):
    """The wheels for this machine's own Python, which plays the board's."""
    code = "import sys; print(sys.version_info[1])"
    minor = int(debian.run(BOARD_PYTHON, "-c", code).stdout)
    if minor < 10:
        pytest.skip(f"{BOARD_PYTHON} is 3.{minor}")
    return make_wheelhouse(minor, os.uname().machine)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A small bundle that follows what is hot."""
    folder = tmp_path_factory.mktemp("bundles") / "hottest"
    hottest.write(folder)
    return folder


@pytest.fixture(scope="session")
def make_board(tools, tmp_path_factory):
    """Return a function that starts a board; all are stopped at the end."""
    started = []

    def make(*, opt="size=2g", home="size=2g"):
        folder = tmp_path_factory.mktemp("board")
        board = _start(folder, tools, opt, home)
        started.append(board)
        return board

    yield make
    for board in started:
        board.process.kill()
        board.process.wait()


@pytest.fixture(scope="session")
def board(make_board):
    """A board with room for everything."""
    return make_board()


def _start(folder, tools, opt, home):
    for name in ("home", "service", "bin", "memory"):
        (folder / name).mkdir()
    (folder / "service/calls").touch()
    (folder / "service/refused").touch()
    systemctl = folder / "bin/systemctl"
    systemctl.write_text(SYSTEMCTL.format(service=folder / "service"))
    systemctl.chmod(0o755)
    libraries = ":".join(str(path) for path in tools.glob("usr/lib/*-linux-gnu"))
    libraries += "".join(f":{path}" for path in tools.glob("lib/*-linux-gnu"))
    rsync = folder / "bin/rsync"
    rsync.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {tools}/usr/bin/rsync "$@"\n')
    rsync.chmod(0o755)
    for key in ("host_key", "login_key"):
        debian.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    public = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"board {public}")
    values = {"folder": folder, "port": port, "tools": tools, "libraries": libraries}
    (folder / "sshd_config").write_text(SSHD.format(**values))
    names = " ".join(["board", "cut", *(f"pole{number}" for number in range(1, 5))])
    (folder / "ssh_config").write_text(
        SSH.format(names=names, python=sys.executable, here=HERE, **values)
    )
    memory = folder / "memory"
    script = START.format(memory=memory, opt=opt, home=home, **values)
    mount = f"mount -t tmpfs tmpfs {memory}\n"
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", mount + script],
            env=environment,
            stdout=log,
            stderr=log,
        )
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Board(folder, process, BOARD_PYTHON)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    said = (folder / "log").read_text()
    if "unshare" in said or "mount" in said:
        pytest.skip(f"this machine allows no private view of the file system: {said.strip()}")
    raise RuntimeError(said)


@pytest.fixture(scope="session")
def changed():
    """Return a function that copies a bundle, with golden vectors of no network if wanted."""
    return _changed


def _changed(bundle, folder, *, number=0):
    """Copy a bundle; with a number, its golden vectors are those of no network."""
    shutil.copytree(bundle, folder)
    card = folder / bundles.MODEL_CARD
    card.write_text(card.read_text() + f"\n{folder.name}\n")
    if number:
        with np.load(folder / bundles.GOLDEN) as file:
            arrays = dict(file)
        arrays["0.out.score"] = arrays["0.out.score"] + number
        np.savez(folder / bundles.GOLDEN, **arrays)
    manifest = json.loads((folder / bundles.MANIFEST).read_text())
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    (folder / bundles.MANIFEST).write_text(json.dumps(manifest))
    return folder
