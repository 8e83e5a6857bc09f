"""What a user installs: the wheel, built from nothing but what a checkout has, and tried where no checkout is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import edgedet

PACKAGE = Path(edgedet.__file__).parent
ROOT = PACKAGE.parent
LARGEST_MODEL = 1_500_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A copy: setuptools leaves its build folder in the tree, and takes into the next wheel what it finds there.
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / "edgedet", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", target, source], check=True, timeout=100)
    (built,) = target.glob("edgedet-*-py3-none-any.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgedet", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert {str(path.relative_to(ROOT)) for path in files} <= packed
    assert "edgedet/py.typed" in packed
    assert any(name.endswith("licenses/LICENSE") for name in packed)


def test_the_wheel_carries_one_small_model_and_the_schemas(installed: Path) -> None:
    (model,) = (installed / "edgedet" / "data").rglob("*.tflite")
    assert model.stat().st_size <= LARGEST_MODEL
    for name in ("config", "detections", "health", "stats"):
        result = run_installed(installed, "schema", name)
        assert result.returncode == 0, result.stderr


def test_what_was_installed_finds_its_own_model(installed: Path, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "grey.jpg"
    Image.new("RGB", (320, 240), (114, 114, 114)).save(picture)
    result = run_installed(installed, "detect", str(picture), "--format", "jsonl")
    assert result.returncode == 0, result.stderr
    assert '"detections"' in result.stdout
