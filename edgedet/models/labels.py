"""Class names: from a label file, from the model itself, or from COCO by the number of classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgedet.errors import ModelError
from edgedet.models.coco import COCO_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from edgedet.models.inspection import ModelInfo
    from edgedet.models.layout import Layout

_NUMBERED = re.compile(r"^(\d{1,5})\s*[:\s]\s*(\S.*)$")
_BACKGROUND = frozenset({"???", "background", "__background__"})
_NOTHING = frozenset({"", "???", "n/a", "none"})


def labels_for(info: ModelInfo, layout: Layout, label_file: Path | None) -> tuple[tuple[str, ...], str | None]:
    """A name for each class id, and a warning where they are not certain.

    A model whose file does not say how many classes it has gets as many names as are known; `class_<n>` is the name
    of everything beyond them.

    Raises:
        ModelError: the label file is missing, unreadable or empty.
    """
    if label_file is not None:
        return _fitted(read_label_file(label_file, layout.classes), layout.classes, str(label_file))
    if info.metadata.names is not None:
        return _fitted(_without_background(info.metadata.names, layout.classes), layout.classes, info.path.name)
    if layout.classes == len(COCO_NAMES):
        return COCO_NAMES, f"{info.path.name} has no class names: its 80 classes get COCO's (--label-file gives others)"
    names = tuple(f"class_{index}" for index in range(layout.classes))
    return names, f"{info.path.name} has no class names: they are class_0 and so on (--label-file gives names)"


def read_label_file(path: Path, classes: int = 0) -> tuple[str, ...]:
    """Names by class id from a file with one a line, or with lines `id name` as Coral's files have, gaps allowed.

    Raises:
        ModelError: the file is missing, unreadable or empty.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such label file", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not a text file", hint="a label file has one name a line, in UTF-8") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})", hint="check the file") from error
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise ModelError(f"{path}: an empty label file", hint="a label file has one name a line")
    numbered = [_NUMBERED.match(line) for line in lines if line]
    by_id = {int(match[1]): match[2].strip() for match in numbered if match}
    if len(by_id) == len(numbered):
        return tuple(by_id.get(index, "") for index in range(max(by_id) + 1))
    return _without_background(tuple(lines), classes)


def _without_background(names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """Label files of TensorFlow's detection API begin with the background, which its class ids do not count."""
    if len(names) == classes + 1 and names[0].lower() in _BACKGROUND:
        return names[1:]
    return names


def _fitted(names: tuple[str, ...], classes: int, origin: str) -> tuple[tuple[str, ...], str | None]:
    wanted = classes or len(names)
    warning = f"{origin} names {len(names)} classes, the model has {wanted}" if len(names) != wanted else None
    filled = (name if name.lower() not in _NOTHING else f"class_{index}" for index, name in enumerate(names[:wanted]))
    return (*filled, *(f"class_{index}" for index in range(len(names), wanted))), warning
