"""What brings the TensorFlow Lite runtime to an interpreter that has none: it goes by how that one is looked after."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.doctor.asking import ask
from edgedet.doctor.finding import Cure, as_root
from edgedet.doctor.library_child import PACKAGES

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

RUNTIME = PACKAGES[0]
_PACKAGED = "/usr/lib/edgedet/venv"
"""The Debian package's environment, which is part of the package and has no pip."""


def bring_runtime(python: str, told: Mapping[str, object], situation: Situation) -> Cure:
    """`told` is what the interpreter says of itself: its `prefix`, and whether it has `pip` and is `managed` by apt."""
    prefix = str(told.get("prefix", ""))
    if prefix == _PACKAGED:
        advice = "It is part of edgedet's package, which is damaged: in the folder with its file, install it again."
        return Cure(advice, as_root(f"apt-get install -y --reinstall ./{_package_file()}"))
    if told.get("managed"):
        return _not_the_systems(python, situation)
    install = f"{shlex.quote(python)} -m pip install {RUNTIME}"
    steps = [install] if told.get("pip", True) else [f"{shlex.quote(python)} -m ensurepip", install]
    # An environment of a user's own takes no files of root's.
    return Cure("", as_root(*steps) if _is_roots(prefix) else " && ".join(steps))


def _not_the_systems(python: str, situation: Situation) -> Cure:
    """Debian's Python takes no packages of pip's (PEP 668)."""
    loaded = situation.loaded
    place = None if loaded is None else loaded.document.places.get(("detector", "python"))
    if loaded is None or place is None:
        advice = (
            "edgedet is installed into the system's own Python, which takes nothing by pip: at the top of a checkout"
        )
        return Cure(f"{advice} this installs it into an environment of its own.", as_root("deploy/install.sh"))
    own = "edgedet's own has one" if _own_has_one() else "edgedet's own is looked after by its installation"
    step = shlex.quote(f"{place.value.line}s#[\"']\\?{re.escape(python)}[\"']\\?#null#")
    edit = f"sed -i {step} {shlex.quote(str(loaded.document.file))}"
    advice = f"The system's Python takes nothing by pip. Leave detector.python out: {own}."
    return Cure(advice, as_root(edit) if _is_roots(str(loaded.document.file)) else edit)


def _own_has_one() -> bool:
    for package in PACKAGES:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        return True
    return False


def _package_file() -> str:
    answer = ask(["dpkg-query", "-W", "-f", "${Version} ${Architecture}", "edgedet"], 5.0)
    if answer is None or answer.code != 0:
        return "edgedet_*.deb"
    version, _, architecture = answer.out.partition(" ")
    return f"edgedet_{version}_{architecture}.deb"


def _is_roots(path: str) -> bool:
    try:
        return Path(path or os.devnull).stat().st_uid == 0
    except OSError:
        return True
