"""The export image's own programs, on a real container engine: the end of its Dockerfile, without what it downloads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from system.engine import Engine, EngineUnavailable
from system.packages import SOURCE
from system.roots import RootUnavailable, debian_root
from system.test_container import SLIM

EXPORT = SOURCE / "deploy/export_yolov8"


def test_its_programs_are_for_whoever_runs_it_though_the_checkouts_are_for_its_owner_alone(tmp_path: Path):
    context = tmp_path / "context"
    shutil.copytree(EXPORT, context)
    for program in context.glob("*.py"):
        program.chmod(0o600)
    _, copies, rest = (EXPORT / "Dockerfile").read_text(encoding="utf-8").partition("COPY calibration.py ")
    (context / "Dockerfile").write_text(f"FROM base\n{copies}{rest}")
    try:
        root = debian_root("trixie", SLIM)
        with Engine(tmp_path / "engine") as engine:
            engine.load(root, "base")
            engine.run("podman", "build", "--tag=export", context)
            for program in context.glob("*.py"):
                read = ("podman", "run", "--rm", "--user=1234:1234", "--entrypoint=cat", "export")
                assert engine.run(*read, f"/opt/export/{program.name}").stdout == program.read_text(encoding="utf-8")
    except (RootUnavailable, EngineUnavailable) as error:
        pytest.skip(str(error))
