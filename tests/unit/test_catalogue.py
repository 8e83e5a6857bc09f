"""The catalogue of models that can be fetched."""

from __future__ import annotations

import re

import pytest

from edgedet.errors import UsageError
from edgedet.models.catalogue import (
    CORAL_ADDRESS,
    DEFAULT_MODEL,
    MADE_BY_USER,
    READY,
    MadeByUser,
    Ready,
    RemoteFile,
    find_ready,
)


def files() -> set[RemoteFile]:
    return {file for model in READY for file in (model.cpu, model.edgetpu, model.labels)}


def test_every_file_has_its_git_object_and_none_has_that_of_another() -> None:
    objects = [file.git_object for file in files()]
    assert all(re.fullmatch(r"[0-9a-f]{40}", each) for each in objects)
    assert len(objects) == len(set(objects)) == 2 * len(READY) + 1


def test_every_address_names_a_commit_and_no_branch() -> None:
    assert re.fullmatch(r"https://raw\.githubusercontent\.com/google-coral/test_data/[0-9a-f]{40}", CORAL_ADDRESS)


@pytest.mark.parametrize("model", READY, ids=lambda model: model.name)
def test_a_model_can_be_called_what_the_catalogue_calls_it_and_its_files_are_twins(model: Ready) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,32}", model.name)
    assert model.edgetpu.name == model.cpu.name.replace(".tflite", "_edgetpu.tflite")
    assert str(model.size) in model.cpu.name or model.size in {300, 320}


def test_nothing_under_the_agpl_can_be_fetched() -> None:
    assert {model.licence for model in READY} == {"Apache-2.0"}
    assert {made.licence for made in MADE_BY_USER} == {"AGPL-3.0"}
    assert isinstance(find_ready("yolov8n"), MadeByUser)


def test_what_is_proposed_first_is_there() -> None:
    assert READY[0] is find_ready(DEFAULT_MODEL)


def test_a_model_is_found_by_the_name_of_either_file_too() -> None:
    for name in ("efficientdet_lite0_320_ptq", "efficientdet_lite0_320_ptq_edgetpu.tflite"):
        found = find_ready(name)
        assert found.name == "efficientdet_lite0"


@pytest.mark.parametrize(
    ("name", "advice"),
    [("efficientdet-lite-0", "Near it: efficientdet_lite0"), ("zebra", "There are mobiledet, ")],
)
def test_an_unknown_name_is_answered_with_known_ones(name: str, advice: str) -> None:
    with pytest.raises(UsageError, match="the catalogue has no model") as caught:
        find_ready(name)
    assert caught.value.hint.startswith(advice)
