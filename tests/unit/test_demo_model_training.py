"""The recipe of the bundled model still runs: pictures, one step of training, export to int8.

TensorFlow lives in an environment of its own (`make -C deploy/demo_model smoke` makes it); without one there is nothing
to run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "EDGEDET_TRAINING_PYTHON"


def training_python() -> str:
    named = os.environ.get(VARIABLE)
    if named:
        return named
    own = ROOT / ".venv-demo-model" / "bin" / "python"
    if own.exists():
        return str(own)
    if importlib.util.find_spec("tensorflow"):
        return sys.executable
    pytest.skip(f"no TensorFlow: run `make -C deploy/demo_model smoke`, or let {VARIABLE} name a Python that has it")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_step_of_the_recipe_renders_trains_and_exports() -> None:
    command = [training_python(), str(ROOT / "deploy" / "demo_model" / "make.py"), "--smoke"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert "one step of training: done" in result.stdout
    assert "smoke.tflite: " in result.stdout
