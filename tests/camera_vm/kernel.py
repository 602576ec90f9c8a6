"""The guest's kernel: Debian's stock one, the modules that are used, and v4l2loopback."""

import lzma
import re
import shutil
import tempfile
from pathlib import Path

from debian import Packages, run, tools_in

# The drivers that reach the discs and the results; the first thing that the guest loads.
BOOT = ("virtio_pci", "virtio_blk", "virtio_console", "ext4", "overlay", "9p", "9pnet_virtio")
CRYPTO = ("crc32c_generic",)  # ext4 asks for it by algorithm, so no dependency names it
# What the checks load themselves: test drivers, and a USB camera with both of its ends.
MEDIA = ("vivid", "uvcvideo", "vhci_hcd")
LOOPBACK = "v4l2loopback"


def fetch(packages: Packages, architecture: str, folder: Path) -> None:
    """Put `vmlinuz` and the modules (`modules/*.ko`) of the stock kernel into `folder`."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        root = Path(work, "root")
        packages.unpack(packages.direct(f"linux-image-{architecture}", r"linux-image-\S+"), root)
        (image,) = root.glob("boot/vmlinuz-*")
        shutil.copy(image, folder / "vmlinuz")
        (folder / "release").write_text(image.name.removeprefix("vmlinuz-"), encoding="utf-8")
        files = {_module(path): path for path in root.rglob("*.ko*")}
        (folder / "modules").mkdir()
        for module in _closure(files, (*CRYPTO, *BOOT, *MEDIA)):
            (folder / "modules" / f"{module}.ko").write_bytes(_contents(files[module]))


def build_loopback(packages: Packages, folder: Path) -> None:
    """Build v4l2loopback for the kernel in `folder`, beside its other modules."""
    headers = f"linux-headers-{(folder / 'release').read_text(encoding='utf-8')}"
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        root = Path(work, "root")
        # All that the headers need: on a host without a compiler that is the compiler, too.
        needed = packages.needed(headers, "make") | packages.direct(headers, r"linux-\S+")
        packages.unpack({headers, "v4l2loopback-dkms", *needed}, root)
        sources = root / "usr/src"
        # The packaged makefiles name each other, and the tools, by their installed place.
        for makefile in sources.glob("linux-headers-*/Makefile"):
            text = makefile.read_text(encoding="utf-8")
            makefile.write_text(text.replace("/usr/src/", f"{sources}/"), encoding="utf-8")
        (source,) = sources.glob("v4l2loopback-*")
        make = ("make", "--directory", str(sources / headers), f"M={source}", "modules")
        run(*make, environment=tools_in(root))
        built = source / "v4l2loopback.ko"
        run("strip", "--strip-debug", str(built), environment=tools_in(root))
        shutil.copy(built, folder / "modules")


def install(kernel: Path, root: Path, names: tuple[str, ...]) -> None:
    """Put modules below `root`, with the list that modprobe reads."""
    folder = root / "lib/modules" / (kernel / "release").read_text(encoding="utf-8")
    folder.mkdir(parents=True)
    files = {path.stem: path for path in (kernel / "modules").iterdir()}
    lines = []
    for name in _closure(files, names):
        shutil.copy(files[name], folder)
        # modprobe begins with the last one of the line
        needs = reversed(_closure(files, tuple(_dependencies(files[name]))))
        lines.append(f"{name}.ko: {' '.join(f'{need}.ko' for need in needs)}\n")
    (folder / "modules.dep").write_text("".join(lines), encoding="utf-8")


def initramfs(kernel: Path, busybox: Path, init: Path) -> bytes:
    """Return the archive that the kernel starts from: busybox, the first drivers, `init`."""
    modules = {path.stem: path for path in (kernel / "modules").iterdir()}
    order = _closure(modules, (*CRYPTO, *BOOT))
    files = {
        "init": (0o100755, init.read_bytes()),
        "bin": (0o40755, b""),
        "bin/busybox": (0o100755, busybox.read_bytes()),
        "modules": (0o40755, b""),
        "modules/order": (0o100644, "".join(f"{name}\n" for name in order).encode()),
    }
    for name in order:
        files[f"modules/{name}.ko"] = (0o100644, modules[name].read_bytes())
    return _cpio({**files, "TRAILER!!!": (0, b"")})


def _closure(files: dict[str, Path], names: tuple[str, ...]) -> list[str]:
    """Return `names` and all that they depend on, dependencies first."""
    order: list[str] = []

    def add(name: str) -> None:
        if name in order or name not in files:  # no file: built into this kernel
            return
        for other in _dependencies(files[name]):
            add(other)
        order.append(name)

    for name in names:
        add(name)
    return order


def _dependencies(path: Path) -> list[str]:
    found = re.search(rb"\0depends=([^\0]*)", _contents(path))
    names = found[1].decode().split(",") if found else []
    return [name.replace("-", "_") for name in names if name]


def _contents(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _module(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _cpio(files: dict[str, tuple[int, bytes]]) -> bytes:
    """Pack name -> (mode, contents) as the kernel reads it.

    Source: "initramfs buffer format" in the kernel's documentation (the newc layout).
    """
    packed = bytearray()
    for number, (name, (mode, data)) in enumerate(files.items(), 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        packed += b"070701" + b"".join(b"%08x" % field for field in fields) + path
        packed += bytes(-len(packed) % 4) + data
        packed += bytes(-len(packed) % 4)
    return bytes(packed)
