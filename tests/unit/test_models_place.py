"""Where `edgedet models` puts models, and what it says of places that a daemon does not look at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgedet.cli import _models_place
from edgedet.cli._models_place import second_thoughts, state_dir_of
from edgedet.settings.model_choice import BUNDLED_MODEL


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an installed service, whose configuration this user may read."""
    state, config = tmp_path / "var", tmp_path / "edgedet.yaml"
    state.mkdir()
    config.write_text(f"version: 1\nstate_dir: {state}\ncameras: {{a: {{source: {{type: synthetic}}}}}}\n")
    monkeypatch.setattr(_models_place, "INSTALLED_STATE", state)
    monkeypatch.setattr(_models_place, "DEFAULT_PATH", config)
    return state


def test_the_service_s_configuration_says_where_if_it_can_be_read(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state_dir_of(None) == service
    monkeypatch.setattr(_models_place, "DEFAULT_PATH", tmp_path / "none.yaml")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "given"))
    assert state_dir_of(None) == tmp_path / "given"


def test_a_user_who_puts_a_model_where_the_service_does_not_look_is_told(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (said,) = second_thoughts("mobiledet", tmp_path / "home", "models pull mobiledet")
    assert said.endswith(f"looks in {service / 'models'}; for it: sudo edgedet models pull mobiledet")
    assert list(second_thoughts("mobiledet", service, "models pull mobiledet")) == []


def test_a_second_model_makes_auto_ambiguous_which_is_said_with_the_line_that_helps(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(BUNDLED_MODEL, folder / f"{name}.tflite")
    first, second = second_thoughts("b", tmp_path, "models add b …")
    assert "there are 2 models now (a, b)" in first
    assert second.endswith("detector: {model: b}")
