"""Builds edgedet's Debian packages: its environment inside, so that installing takes no network and no pip.

    python deploy/debian/build.py                    # bookworm and trixie, arm64 and amd64, into dist/
    python deploy/debian/build.py --suite trixie --architecture arm64
    python deploy/debian/build.py --lock             # writes wheels.txt anew from what pyproject.toml asks

Needs dpkg-deb and, in the environment that runs it, pip, setuptools and edgedet. No compiler, no root, no chroot: the
packages of another architecture and another Python are wheels that are only unpacked.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
LOCK = HERE / "wheels.txt"
CHECK = SOURCE / "deploy/check_as_daemon.py"
MAINTAINER = "edgedet maintainers <maintainers@edgedet.invalid>"
# What a wheel carries and edgedet never loads: half of the package's size.
NEVER_LOADED = (
    "ai_edge_litert/vendors",
    "ai_edge_litert/tools",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "numpy/**/tests",
    "shapely/tests",
    "bin",
)


@dataclass(frozen=True, slots=True)
class Suite:
    """A Debian release, and Raspberry Pi OS of the same name."""

    name: str
    number: int
    python: str
    glibc: int
    """Minor version of its C library: wheels for a newer one do not load there."""

    @property
    def next_python(self) -> str:
        major, minor = self.python.split(".")
        return f"{major}.{int(minor) + 1}"


SUITES = {"bookworm": Suite("bookworm", 12, "3.11", 36), "trixie": Suite("trixie", 13, "3.13", 41)}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=[*SUITES, "all"], default="all")
    parser.add_argument("--architecture", choices=[*MACHINES, "all"], default="all")
    parser.add_argument("--into", type=Path, default=SOURCE / "dist", metavar="FOLDER")
    parser.add_argument("--version", help="another version than pyproject.toml's: what an upgrade is tried with")
    parser.add_argument("--fast", action="store_true", help="compress little: for trying it out")
    parser.add_argument("--lock", action="store_true", help="write wheels.txt anew")
    given = parser.parse_args()
    if given.lock:
        LOCK.write_text("\n".join(_locked()) + "\n", encoding="utf-8")
        return
    os.umask(0o022)  # what dpkg-deb asks of DEBIAN/, and who installs the package of the file that it is
    given.into.mkdir(parents=True, exist_ok=True)
    for suite in SUITES.values() if given.suite == "all" else [SUITES[given.suite]]:
        for architecture in MACHINES if given.architecture == "all" else [given.architecture]:
            with tempfile.TemporaryDirectory(prefix="edgedet-deb-") as scratch:
                made = build(suite, architecture, Path(scratch), given.into, given.version, fast=given.fast)
            print(f"{made}  {made.stat().st_size / 1e6:.1f} MB")


def build(suite: Suite, architecture: str, scratch: Path, into: Path, version: str | None, *, fast: bool) -> Path:
    """One package; returns its file."""
    version = version or _project()["version"]
    root = scratch / "root"
    site = root / f"usr/lib/edgedet/venv/lib/python{suite.python}/site-packages"
    site.mkdir(parents=True)
    _unpack_wheels(suite, architecture, site)
    _unpack_edgedet(scratch, site, version)
    _make_environment(suite, root, site)
    subprocess.run([SOURCE / "deploy/lay-out", root, "package", sys.executable], check=True, stdout=subprocess.DEVNULL)
    full = f"{version}+deb{suite.number}"
    _documents(root, site, suite, full)
    _command(root)
    _normalise(root)
    _control(root, scratch, suite, architecture, full)
    made = into / f"edgedet_{full}_{architecture}.deb"
    pressed = ["-Zgzip", "-z1"] if fast else ["-Zxz"]
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", *pressed, "--build", root, made], check=True, stdout=subprocess.DEVNULL
    )
    return made


def _project() -> dict[str, str]:
    project: dict[str, str] = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _platform(suite: Suite, architecture: str) -> list[str]:
    """pip's options for the wheels of another machine; each manylinux version has to be named."""
    machine = MACHINES[architecture]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(suite.glibc, 16, -1)]
    options = [f"--platform={tag}" for tag in [*tags, f"manylinux2014_{machine}"]]
    return [f"--python-version={suite.python}", "--only-binary=:all:", *options]


def _pip(*arguments: str | Path) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--retries=5"]
    subprocess.run([sys.executable, "-m", "pip", *quiet, *arguments], check=True)


def _unpack_wheels(suite: Suite, architecture: str, site: Path) -> None:
    where = [f"--target={site}", "--no-deps", "--no-compile", "--require-hashes"]
    _pip("install", *where, *_platform(suite, architecture), "-r", LOCK)
    for pattern in NEVER_LOADED:
        for found in list(site.glob(pattern)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()


def _unpack_edgedet(scratch: Path, site: Path, version: str) -> None:
    # From a copy: setuptools leaves a build folder behind, and takes what an earlier build left there.
    copy = scratch / "source"
    shutil.copytree(SOURCE / "edgedet", copy / "edgedet", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(SOURCE / name, copy)
    project = copy / "pyproject.toml"
    stated = f'version = "{_project()["version"]}"'
    project.write_text(
        project.read_text(encoding="utf-8").replace(stated, f'version = "{version}"', 1), encoding="utf-8"
    )
    _pip("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={scratch}", copy)
    (wheel,) = scratch.glob("edgedet-*.whl")
    _pip("install", f"--target={site}", "--no-deps", "--no-compile", "--upgrade", wheel)
    shutil.rmtree(site / "bin", ignore_errors=True)
    (site / f"edgedet-{version}.dist-info" / "direct_url.json").unlink(missing_ok=True)  # names this machine's folder


def _make_environment(suite: Suite, root: Path, site: Path) -> None:
    """An environment is a link to an interpreter with a file beside it: so it can be made for another machine."""
    venv = root / "usr/lib/edgedet/venv"
    (venv / "bin").mkdir()
    for name in ("python3", "python"):
        (venv / "bin" / name).symlink_to(f"../../../../bin/python{suite.python}")
    (venv / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {suite.python}\n"
    )
    # Of the distribution's packages this one alone, since it has no wheels; all of them would bring a second numpy.
    (site / "systemd").symlink_to("../../../../../python3/dist-packages/systemd")


def _command(root: Path) -> None:
    command = root / "usr/bin/edgedet"
    command.parent.mkdir(parents=True)
    command.write_text(
        "#!/usr/lib/edgedet/venv/bin/python3 -I\nfrom edgedet.cli import main\n\nmain()\n", encoding="utf-8"
    )
    command.chmod(0o755)
    shutil.copy(CHECK, root / "usr/lib/edgedet" / CHECK.name)


def _documents(root: Path, site: Path, suite: Suite, full: str) -> None:
    folder = root / "usr/share/doc/edgedet"
    folder.mkdir(parents=True)
    for name in ("README.md", "docs"):
        source = SOURCE / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    shutil.copytree(SOURCE / "config/examples", folder / "examples", dirs_exist_ok=True)
    (folder / "copyright").write_text(_copyright(site), encoding="utf-8")
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(_date()))
    entry = f"edgedet ({full}) {suite.name}; urgency=medium\n\n  * See NEWS.\n\n -- {MAINTAINER}  {date}\n"
    _write_gz(folder / "changelog.gz", entry.encode())
    _write_gz(folder / "NEWS.gz", (SOURCE / "CHANGELOG.md").read_bytes())
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    shutil.copy(HERE / "lintian-overrides", overrides / "edgedet")


def _copyright(site: Path) -> str:
    """edgedet's own terms, and those of every package inside, whose full text lies in its dist-info."""
    lines = [
        "edgedet is licensed under the Apache License, Version 2.0; on Debian systems its full text is in",
        "/usr/share/common-licenses/Apache-2.0.",
        "",
        f"Copyright (C) {time.gmtime(_date()).tm_year} the edgedet authors",
        "",
        "Packages of the Python Package Index are inside, each with its licence in",
        "/usr/lib/edgedet/venv/lib/python3*/site-packages/<name>-<version>.dist-info:",
        "",
    ]
    for metadata in sorted(site.glob("*.dist-info/METADATA")):
        read = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        terms = read["License-Expression"] or _classified(read.get_all("Classifier") or []) or read["License"] or ""
        if read["Name"] != "edgedet":
            lines.append(f"  {read['Name']} {read['Version']}: {' '.join(terms.split())[:80] or 'see its dist-info'}")
    return "\n".join(lines) + "\n"


def _classified(classifiers: list[str]) -> str:
    return ", ".join(each.rsplit(" :: ", 1)[1] for each in classifiers if each.startswith("License :: OSI Approved ::"))


def _normalise(root: Path) -> None:
    """The same modes wherever it is built, whatever the umask, and no file newer than the source."""
    date = _date()
    for path in [root, *sorted(root.rglob("*"))]:
        if path.is_symlink():
            continue
        if path.is_dir():
            path.chmod(0o755)
        else:
            executable = path.parent.name == "bin"
            path.chmod(0o755 if executable else 0o644)
            if path.stat().st_mtime > date:
                os.utime(path, (date, date))


def _date() -> int:
    """Seconds since 1970 of the last commit, or of the build where there are no commits."""
    if stated := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(stated)
    try:
        asked = subprocess.run(
            ["git", "-C", SOURCE, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
        )
    except OSError:
        return int(time.time())  # a source archive, on a machine without git
    return int(asked.stdout) if asked.returncode == 0 and asked.stdout.strip() else int(time.time())


def _control(root: Path, scratch: Path, suite: Suite, architecture: str, full: str) -> None:
    folder = root / "DEBIAN"
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files) // 1024
    folder.mkdir()
    fields = (HERE / "control.in").read_text(encoding="utf-8")
    for name, value in {
        "VERSION": full,
        "ARCHITECTURE": architecture,
        "MAINTAINER": MAINTAINER,
        "SIZE": str(size),
        "PYTHON": suite.python,
        "NEXT_PYTHON": suite.next_python,
    }.items():
        fields = fields.replace(f"@{name}@", value)
    (folder / "control").write_text(fields, encoding="utf-8")
    with (folder / "md5sums").open("w") as sums:
        for path in files:
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            sums.write(f"{digest}  {path.relative_to(root)}\n")
    for script in (HERE / "scripts").iterdir():
        shutil.copy(script, folder / script.name)
        (folder / script.name).chmod(0o755)
    # What preinst asks about the configuration before anything of an older version is replaced.
    with tarfile.open(folder / "new-version.tar.gz", "w:gz") as bundle:
        bundle.add(scratch / "source/edgedet", "edgedet", filter=_for_the_check)
        bundle.add(CHECK, CHECK.name, filter=_for_the_check)
    (folder / "new-version.tar.gz").chmod(0o644)


def _for_the_check(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Root's and for all to read, whoever builds it with whatever umask; without the data, which no check looks at."""
    if "/data/" in entry.name:
        return None
    entry.mode = 0o755 if entry.isdir() else 0o644
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _write_gz(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def _locked() -> Iterator[str]:
    """The lock's lines: each package in one version, with the sums of its wheels for every machine."""
    yield "# What is inside the Debian packages. Made by `python deploy/debian/build.py --lock`; not edited by hand."
    found: dict[str, dict[str, None]] = {}
    for suite in SUITES.values():
        for architecture in MACHINES:
            for name, sha256 in _resolve(suite, architecture):
                found.setdefault(name, {})[sha256] = None
    for name, sums in sorted(found.items()):
        yield " \\\n".join([name, *(f"    --hash=sha256:{each}" for each in sorted(sums))])


def _resolve(suite: Suite, architecture: str) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        where = ["--dry-run", "--ignore-installed", f"--target={folder}/none", f"--report={report}"]
        _pip("install", *where, *_platform(suite, architecture), *_project()["dependencies"])
        for each in json.loads(report.read_text(encoding="utf-8"))["install"]:
            sha256 = each["download_info"]["archive_info"]["hashes"]["sha256"]
            yield f"{each['metadata']['name'].lower()}=={each['metadata']['version']}", sha256


if __name__ == "__main__":
    main()
