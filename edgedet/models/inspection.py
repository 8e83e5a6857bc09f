"""What a .tflite file says about itself, without running it and without numpy.

Ultralytics appends a zip to its exports: `temp_meta.txt` (the text of a Python dict, or JSON) up to 8.3.91,
`metadata.json` from 8.3.140. TensorFlow's own metadata writer appends label files the same way.
"""

from __future__ import annotations

import ast
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgedet.errors import ModelError, ModelMissing
from edgedet.models.flatbuffer import IDENTIFIER, FlatbufferError
from edgedet.models.graph import Graph, TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

EDGETPU_OPERATION = "edgetpu-custom-op"
"""What the Edge TPU compiler leaves in place of the operations it took."""

SSD_OPERATION = "TFLite_Detection_PostProcess"
"""The runtime's own custom operation at the end of an SSD."""

_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "CONV_3D"})
_MAX_BYTES = 512 * 2**20
_MAX_METADATA = 2**20
_MOST_NAMES = 100_000
_RGB = 3
_PICTURE_RANK = 4
_EXPORT_HINT = "export the model to TensorFlow Lite (.tflite) first"
_COPY_HINT = "copy or download it again"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an exporter wrote into the file about the model. Empty or None: not said."""

    names: tuple[str, ...] | None = None
    """Class names by class id; a gap in the ids is an empty name."""
    task: str | None = None
    """Ultralytics' word: `detect`, `segment`, `pose`, `classify`, `obb`."""
    image_size: tuple[int, int] | None = None
    """Height and width, pixels, as exported."""
    description: str | None = None
    end_to_end: bool = False
    """The export says that no NMS is needed, or that it is inside."""


@dataclass(frozen=True, slots=True)
class SsdFacts:
    """What the post-processing operation at the end of an SSD says: lite/kernels/detection_postprocess.cc."""

    classes: int
    """Classes without the background."""
    outputs: tuple[int, ...]
    """Places of boxes, class ids, scores and count among the model's outputs, whatever their names and order."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a file. Says nothing about whether it is a detector: that is `layout.identify`."""

    path: Path
    size_bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    width: int
    """Of the input picture, pixels; 0 where the input is no picture of three channels."""
    height: int
    nchw: bool
    """The input's channels come first."""
    operations: tuple[tuple[str, int], ...]
    """Names with counts, the most frequent first."""
    custom_operations: tuple[str, ...]
    compiled_for_edgetpu: bool
    edgetpu_runtime: int | None
    """The least runtime version that the compiled part asks for."""
    int16_activations: bool
    ssd: SsdFacts | None
    """None where the model does not end in an SSD's post-processing."""
    metadata: Metadata

    @property
    def input(self) -> TensorInfo:
        """The first input."""
        return self.inputs[0]

    @property
    def cpu_operations(self) -> int:
        """How many operations run on the CPU when the Edge TPU takes its part."""
        return sum(count for name, count in self.operations if name != EDGETPU_OPERATION)

    @property
    def cpu_convolutions(self) -> int:
        """How many of those are convolutions, which is what the Edge TPU was bought for."""
        return sum(count for name, count in self.operations if name in _CONVOLUTIONS)


def inspect(path: Path) -> ModelInfo:
    """Reads what the file says about itself.

    Raises:
        ModelMissing: there is no such file.
        ModelError: a directory, an empty or unreadable file, no TFLite, truncated.
    """
    data = _read(path)
    try:
        graph = Graph(data)
        graph.check_buffers()
        inputs, outputs = graph.inputs, graph.outputs
        if not inputs or not outputs:
            raise ModelError(f"{path}: a TFLite file without inputs or outputs", hint=_EXPORT_HINT)
        compiled = EDGETPU_OPERATION in graph.custom_names
        width, height, nchw = _picture(inputs[0])
        return ModelInfo(
            path=path,
            size_bytes=len(data),
            inputs=inputs,
            outputs=outputs,
            width=width,
            height=height,
            nchw=nchw,
            operations=graph.operation_counts,
            custom_operations=graph.custom_names,
            compiled_for_edgetpu=compiled,
            edgetpu_runtime=graph.edgetpu_runtime(EDGETPU_OPERATION) if compiled else None,
            int16_activations=graph.int16_activations,
            ssd=_ssd(graph),
            metadata=_metadata(data),
        )
    except FlatbufferError as error:
        raise ModelError(f"{path}: a truncated or damaged TFLite file ({error})", hint=_COPY_HINT) from error


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{path}: a directory, not a model", hint="name the .tflite file in it")
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ModelError(f"{path}: {size >> 20} MiB is no model for this program", hint=_EXPORT_HINT)
        # Read, not mapped: a file that is being overwritten would end a mapping with SIGBUS.
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelMissing(f"{path}: no such model file", hint="check the path, or copy the model there") from error
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror})", hint="check the file and its permissions"
        ) from error
    if not data:
        raise ModelError(f"{path}: an empty file", hint=_COPY_HINT)
    if data[4:8] != IDENTIFIER:
        raise ModelError(f"{path}: not a TFLite model{_likely(data)}", hint=_EXPORT_HINT)
    return data


def _likely(data: bytes) -> str:
    """What a file that is no TFLite seems to be."""
    for start, kind in (
        (b"PK\x03\x04", "a zip archive: a PyTorch or Keras file?"),
        (b"\x89HDF", "a Keras HDF5 file"),
        (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
        (b"<", "a web page?"),
        (b"\x08", "an ONNX or TensorFlow graph?"),
    ):
        if data.lstrip()[: len(start)].lower() == start.lower():
            return f" ({kind})"
    return ""


def _ssd(graph: Graph) -> SsdFacts | None:
    if SSD_OPERATION not in graph.custom_names:
        return None
    shapes = graph.input_shapes(SSD_OPERATION)
    # It reads boxes, class scores (the background among them) and anchors.
    classes = shapes[1][-1] - 1 if len(shapes) > 1 and shapes[1] else 0
    return SsdFacts(classes if 0 < classes <= _MOST_NAMES else 0, graph.output_places(SSD_OPERATION))


def _picture(tensor: TensorInfo) -> tuple[int, int, bool]:
    shape = tensor.shape
    if len(shape) != _PICTURE_RANK:
        return 0, 0, False
    if shape[3] == _RGB:
        return max(0, shape[2]), max(0, shape[1]), False
    if shape[1] == _RGB:
        return max(0, shape[3]), max(0, shape[2]), True
    return 0, 0, False


def _metadata(data: bytes) -> Metadata:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts = {
                entry.filename: archive.read(entry).decode("utf-8", "replace")
                for entry in archive.infolist()
                if entry.file_size <= _MAX_METADATA and entry.filename.endswith((".json", ".txt"))
            }
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
    ):
        # No zip, or a damaged one: the model itself may still be good, it only has no names.
        return Metadata()
    for name in ("metadata.json", "temp_meta.txt"):
        if name in texts:
            return _ultralytics(texts[name])
    lists = [text.splitlines() for name, text in texts.items() if name.endswith(".txt")]
    return Metadata(names=tuple(line.strip() for line in lists[0])) if len(lists) == 1 else Metadata()


def _ultralytics(text: str) -> Metadata:
    values = _parse(text)
    if not isinstance(values, dict):
        return Metadata()
    size, options, task, about = (values.get(key) for key in ("imgsz", "args", "task", "description"))
    options = options if isinstance(options, dict) else {}
    return Metadata(
        names=_names(values.get("names")),
        task=task if isinstance(task, str) else None,
        image_size=_image_size(size),
        description=about if isinstance(about, str) else None,
        end_to_end=values.get("end2end") is True or options.get("nms") is True,
    )


def _parse(text: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _image_size(value: Any) -> tuple[int, int] | None:
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(side, int) for side in value):
        return value[0], value[1]
    return None


def _names(value: Any) -> tuple[str, ...] | None:
    """Names from a list, or from a dict whose keys are ids as numbers or as text."""
    if isinstance(value, list | tuple):
        return tuple(str(name) for name in value) or None
    if not isinstance(value, dict):
        return None
    try:
        by_id = {int(key): str(name) for key, name in value.items()}
    except (TypeError, ValueError):
        return None
    if not by_id or min(by_id) < 0 or max(by_id) >= _MOST_NAMES:
        return None
    return tuple(by_id.get(index, "") for index in range(max(by_id) + 1))
