"""Where class names come from, and what happens where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

import tflite_files
from edgedet.errors import ModelError
from edgedet.models.coco import COCO_NAMES
from edgedet.models.inspection import inspect
from edgedet.models.labels import labels_for, read_label_file
from edgedet.models.layout import identify
from tflite_files import Tensor, dense, detector


def labels(
    folder: Path, *, classes: int, names: object = None, lines: str | None = None
) -> tuple[tuple[str, ...], str | None]:
    metadata = {"names": names, "task": "detect"} if names is not None else {}
    info = inspect(tflite_files.write(folder / "m.tflite", detector(dense(classes), **metadata)))
    label_file = None
    if lines is not None:
        label_file = folder / "labels.txt"
        label_file.write_text(lines, "utf-8")
    return labels_for(info, identify(info), label_file)


def test_embedded_names_need_no_warning(tmp_path: Path) -> None:
    assert labels(tmp_path, classes=2, names={"0": "cat", "1": "dog"}) == (("cat", "dog"), None)


def test_a_label_file_goes_before_embedded_names(tmp_path: Path) -> None:
    assert labels(tmp_path, classes=2, names={"0": "cat", "1": "dog"}, lines="Katze\nHund\n") == (
        ("Katze", "Hund"),
        None,
    )


def test_eighty_classes_without_names_are_cocos_with_a_warning(tmp_path: Path) -> None:
    names, warning = labels(tmp_path, classes=80)
    assert names == COCO_NAMES
    assert (names[0], names[5], names[79]) == ("person", "bus", "toothbrush")
    assert warning is not None
    assert "COCO" in warning


def test_other_numbers_of_classes_without_names_are_numbered(tmp_path: Path) -> None:
    names, warning = labels(tmp_path, classes=3)
    assert names == ("class_0", "class_1", "class_2")
    assert warning


def test_too_few_names_are_filled_up_and_told(tmp_path: Path) -> None:
    names, warning = labels(tmp_path, classes=3, lines="cat\ndog\n")
    assert names == ("cat", "dog", "class_2")
    assert warning is not None
    assert "2 classes" in warning


def test_too_many_names_are_cut_and_told(tmp_path: Path) -> None:
    names, warning = labels(tmp_path, classes=2, lines="cat\ndog\ncow\n")
    assert names == ("cat", "dog")
    assert warning


@pytest.mark.parametrize("lines", ["0  person\n2  car\n", "0 person\n2 car", "0: person\n\n2: car\n"])
def test_coral_label_files_with_gaps_keep_their_ids(tmp_path: Path, lines: str) -> None:
    assert labels(tmp_path, classes=3, lines=lines) == (("person", "class_1", "car"), None)


def test_a_leading_background_is_not_counted(tmp_path: Path) -> None:
    assert labels(tmp_path, classes=2, lines="???\nperson\ncar\n") == (("person", "car"), None)


def test_placeholders_become_numbers(tmp_path: Path) -> None:
    assert labels(tmp_path, classes=3, lines="person\nn/a\ncar\n")[0] == ("person", "class_1", "car")


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfperson\r\ntraffic light\r\n\r\n")
    assert read_label_file(path) == ("person", "traffic light")


@pytest.mark.parametrize(("content", "words"), [(None, "no such"), (b"", "empty"), (b"\xff\xfe\x00", "not a text")])
def test_an_unusable_label_file_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        read_label_file(path)
    assert caught.value.hint


def test_a_folder_in_place_of_a_label_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_label_file(tmp_path)


def test_a_model_that_does_not_say_how_many_classes_it_has_gets_the_names_that_are_known(tmp_path: Path) -> None:
    model = detector(Tensor("out", (1, 300, 6)))
    info = inspect(tflite_files.write(tmp_path / "m.tflite", model))
    path = tmp_path / "labels.txt"
    path.write_text("cat\ndog\n")
    assert labels_for(info, identify(info), path) == (("cat", "dog"), None)
    assert labels_for(info, identify(info), None)[0] == ()
