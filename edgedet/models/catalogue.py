"""Ready models that `edgedet models pull` fetches, and those that it must not.

All that are fetched come from google-coral/test_data on GitHub, under the Apache licence, at one commit. What vouches
for a file is its git object id: the SHA-1 that the commit itself holds of it. Nobody has published sizes or SHA-256
sums of these files, so none are given here; the SHA-256 of what came first is recorded and held against what comes
later.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from edgedet.errors import UsageError

DEFAULT_MODEL = "mobiledet"
"""What is proposed where there is no model: other programs for the Coral have begun with it for years."""

_COMMIT = "104342d2d3480b3e66203073dac24f4e2dbb4c41"
_ORIGIN = f"google-coral/test_data on GitHub, commit {_COMMIT[:7]}"

CORAL_ADDRESS = f"https://raw.githubusercontent.com/google-coral/test_data/{_COMMIT}"
"""Under which the files of the catalogue lie."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to fetch."""

    name: str
    """Below the catalogue's address."""
    git_object: str
    """Its git object id, hexadecimal: SHA-1 over `blob <size>`, a zero byte, and the content."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be fetched: a pair and the names of its classes."""

    name: str
    about: str
    size: int
    """Side of the square picture that it takes, pixels."""
    cpu: RemoteFile
    edgetpu: RemoteFile
    labels: RemoteFile
    licence: str = "Apache-2.0"
    origin: str = _ORIGIN


@dataclass(frozen=True, slots=True)
class MadeByUser:
    """A model whose licence keeps it out of edgedet and out of its catalogue; its user exports it."""

    name: str
    about: str
    licence: str
    origin: str


_LABELS = RemoteFile("coco_labels.txt", "e6e413857619e7e4e892769d5b134b803454fa28")


def _pair(name: str, stem: str, size: int, objects: tuple[str, str], about: str) -> Ready:
    """The files `stem.tflite` and `stem_edgetpu.tflite` with their git objects in this order."""
    cpu, edgetpu = RemoteFile(f"{stem}.tflite", objects[0]), RemoteFile(f"{stem}_edgetpu.tflite", objects[1])
    return Ready(name, about, size, cpu, edgetpu, _LABELS)


READY: tuple[Ready, ...] = (
    _pair(
        "mobiledet",
        "ssdlite_mobiledet_coco_qat_postprocess",
        320,
        ("f2857fa8b4a89cc285194ab5a636ddbe2def7fde", "88d57192111241e540384f59c8d108a8452b920c"),
        "SSDLite MobileDet; 32.9 mAP and 9.1 ms on a Coral Dev Board, says coral.ai",
    ),
    _pair(
        "ssd_mobilenet_v1",
        "ssd_mobilenet_v1_coco_quant_postprocess",
        300,
        ("1a2270d37dd7d0f84acc49e069391312e697cf12", "07721d3949bd8f5a78b76e57fe3fafcf09207785"),
        "SSD MobileNet v1, the oldest",
    ),
    _pair(
        "ssd_mobilenet_v2",
        "ssd_mobilenet_v2_coco_quant_postprocess",
        300,
        ("28b6bdee3548170bb999ffcc7248b40d76f6b6b8", "67037e5ef832559e9b49beac96b11f2a0788ee63"),
        "SSD MobileNet v2; 7.3 ms on a Coral Dev Board, says coral.ai",
    ),
    _pair(
        "ssd_mobilenet_v2_tf2",
        "tf2_ssd_mobilenet_v2_coco17_ptq",
        300,
        ("76be13016daa10289021773d584e2244d252bd22", "894fd0d7bc1dc8ae711057a298a86115d6975c63"),
        "SSD MobileNet v2, trained again with TensorFlow 2",
    ),
    _pair(
        "ssd_mobilenet_v1_fpn",
        "tf2_ssd_mobilenet_v1_fpn_640x640_coco17_ptq",
        640,
        ("1adaba7d3a80feb3e02a51edddd50b77b48ed82b", "32f5905a4900c21fdbd487f36f0d94b1b74a1587"),
        "SSD MobileNet v1 with a feature pyramid: small objects, slowly",
    ),
    _pair(
        "efficientdet_lite0",
        "efficientdet_lite0_320_ptq",
        320,
        ("8f419c65be6fb981a1aec8bffc670a236a892ba2", "f25f21ebd46eef3e151de0c5cad1aa493b6cd5dc"),
        "EfficientDet-Lite0; 37.4 ms on a Coral Dev Board, says coral.ai",
    ),
    _pair(
        "efficientdet_lite1",
        "efficientdet_lite1_384_ptq",
        384,
        ("0b7cd7fd6e75d148193a406da09eae693f120745", "a8f4529452d14ef46b928366eec26deea7efa31b"),
        "EfficientDet-Lite1, larger and slower than 0",
    ),
    _pair(
        "efficientdet_lite2",
        "efficientdet_lite2_448_ptq",
        448,
        ("ad155dbb048b4f8572aefcba6104409a798b74cf", "9b0d4f55905c6f108bca6203d8b24c4e9da846cb"),
        "EfficientDet-Lite2, larger and slower than 1",
    ),
    _pair(
        "efficientdet_lite3",
        "efficientdet_lite3_512_ptq",
        512,
        ("1ee099cd93b35b5133c41e4d241519d15b86dbe2", "529ed7058174de49bd53f2816ba23408f12cc106"),
        "EfficientDet-Lite3, larger and slower than 2",
    ),
    _pair(
        "efficientdet_lite3x",
        "efficientdet_lite3x_640_ptq",
        640,
        ("f199b6ffde7644d3232cc76967ac572baf9e5fac", "bf46c5b9cab5637a67bf37a33f4c88cc634b76e4"),
        "EfficientDet-Lite3x, the largest and slowest",
    ),
)
"""Every model that can be fetched, the one to begin with first."""

MADE_BY_USER: tuple[MadeByUser, ...] = tuple(
    MadeByUser(name, about, "AGPL-3.0", "Ultralytics")
    for name, about in (
        ("yolov8n", "YOLOv8 nano, the usual one for a Coral at 320 pixels"),
        ("yolov8s", "YOLOv8 small"),
    )
)


def find_ready(name: str) -> Ready | MadeByUser:
    """The model of the catalogue that is called `name`, or whose file is.

    Raises:
        UsageError: there is none; the message names the nearest ones.
    """
    stem = name.removesuffix(".tflite").removesuffix("_edgetpu")
    for model in READY:
        if name == model.name or f"{stem}.tflite" == model.cpu.name:
            return model
    for made in MADE_BY_USER:
        if name == made.name:
            return made
    names = [model.name for model in READY]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), names, n=3, cutoff=0.5)
    advice = f"Near it: {', '.join(near)}." if near else f"There are {', '.join(names)}."
    raise UsageError(f"the catalogue has no model {name[:64]!r}", hint=f"{advice} `edgedet models list` shows them.")
