"""The second file of a model that comes while the daemon runs."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from edgedet.app.answering import files_of
from edgedet.app.model_files import ModelFiles
from edgedet.errors import AcceleratorError
from edgedet.settings import DetectorSettings, ModelChoice
from edgedet.settings.model_choice import BUNDLED_MODEL, choice_of_path
from software_edgetpu.compiled import compiled_from
from tflite_files import Model, Tensor, to_bytes


def followed(choice: ModelChoice) -> ModelFiles:
    files = files_of(DetectorSettings(), choice)
    assert files is not None
    return ModelFiles(choice, files)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return Path(shutil.copy(BUNDLED_MODEL, tmp_path / "m.tflite"))


def test_a_compiled_file_beside_the_model_is_taken_when_it_comes(plain: Path) -> None:
    files = followed(choice_of_path(plain))
    with pytest.raises(AcceleratorError, match=r"there is no m_edgetpu\.tflite") as caught:
        files.compiled()
    assert caught.value.code == "edgetpu_absent"
    assert "accelerators: [cpu]" in caught.value.hint
    compiled = compiled_from(plain, plain.with_name("m_edgetpu.tflite"))
    assert files.compiled().path == compiled
    assert files.files.edgetpu is not None
    assert files.files.model.path == plain


def test_a_compiled_file_without_names_of_its_own_is_taken_too(plain: Path) -> None:
    files = followed(choice_of_path(plain))
    compiled = compiled_from(plain, plain.with_name("m_edgetpu.tflite"))
    whole = compiled.read_bytes()
    # As edgetpu_compiler leaves it: without what the exporter appended.
    compiled.write_bytes(whole[: whole.index(b"PK\x03\x04")])
    assert files.compiled().labels == files.files.model.labels


def test_a_compiled_file_that_was_asked_for_by_name_is_missing_until_it_comes(plain: Path, tmp_path: Path) -> None:
    asked = tmp_path / "other.tflite"
    files = followed(ModelChoice("m", plain, asked, None))
    with pytest.raises(AcceleratorError, match="other.tflite is not there") as caught:
        files.compiled()
    assert caught.value.code == "model_missing"
    compiled_from(plain, asked)
    assert files.compiled().path == asked


def test_the_file_for_the_cpu_is_taken_when_it_comes(plain: Path) -> None:
    compiled = compiled_from(plain, plain.with_name("m_edgetpu.tflite"))
    kept = plain.rename(plain.with_name("kept"))
    files = followed(choice_of_path(compiled))
    assert files.plain() is None
    kept.rename(plain)
    found = files.plain()
    assert found is not None
    assert found.path == plain
    assert files.files.edgetpu is not None


def test_a_half_copied_file_is_refused_once_and_taken_when_it_is_whole(
    plain: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiled = compiled_from(plain, plain.with_name("m_edgetpu.tflite"))
    whole = plain.read_bytes()
    plain.unlink()
    files = followed(choice_of_path(compiled))
    plain.write_bytes(whole[:1000])
    with caplog.at_level(logging.WARNING):
        assert files.plain() is None
        assert files.plain() is None
    assert len(caplog.records) == 1
    plain.write_bytes(whole)
    assert files.plain() is not None


def test_a_file_of_another_network_is_not_taken(plain: Path) -> None:
    files = followed(choice_of_path(plain))
    other = plain.with_name("other.tflite")
    tensors = [Tensor("in", (1, 64, 64, 3)), Tensor("out", (1, 6, 84))]
    other.write_bytes(to_bytes(Model(tensors[:1], tensors[1:])))
    compiled_from(other, plain.with_name("m_edgetpu.tflite"))
    with pytest.raises(AcceleratorError, match="not one network") as caught:
        files.compiled()
    assert caught.value.code == "model_mismatch"
