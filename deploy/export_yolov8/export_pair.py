"""Inside the export image: a YOLOv8 model becomes X.tflite for the CPU and X_edgetpu.tflite for a Coral.

In two steps, not with Ultralytics' own `format=edgetpu`: that one, up to 8.4.45, drops the pictures for the calibration
(https://github.com/ultralytics/ultralytics/pull/24383), and quantises the input to 55 levels of 256.
"""

from __future__ import annotations

import argparse
import io
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

from calibration import NoPictures, data_set, write_sample

COMPILER = ("edgetpu_compiler", "--show_operations", "--search_delegate", "--timeout_sec", "600")


class ExportError(Exception):
    """What the user is told, in one or two lines."""


def main() -> int:
    # As process 1 of a container Python has no handler for it, and would not end before it is killed.
    signal.signal(signal.SIGTERM, _interrupted)
    options = _options()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            made = _pair(options.model, options.size, options.data, Path(scratch))
            for file in made:
                shutil.copyfile(file, Path.cwd() / file.name)
    except (ExportError, NoPictures) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("export: interrupted; nothing was written", file=sys.stderr)
        return 130
    cpu, edgetpu = made
    print(f"\n{cpu.name} and {edgetpu.name} are there. On the Pi, with both in one folder:")
    print(f"  edgedet models add {cpu.stem.rpartition('_')[0].lower()} --cpu {cpu.name}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="export", description="Make a YOLOv8 model into a pair of files for edgedet.")
    parser.add_argument("model", help="yolov8n, yolov8s, … or a .pt file of your own in this folder")
    parser.add_argument("--size", type=int, default=320, help="side of the picture, pixels; 320 fits the Edge TPU")
    parser.add_argument(
        "--data",
        default="coco128.yaml",
        help="pictures like those that it will see, for the calibration: a folder, or a data set's YAML file",
    )
    return parser.parse_args()


def _pair(model: str, size: int, data: str, folder: Path) -> tuple[Path, Path]:
    """Both files, in `folder`, for the CPU and the Edge TPU."""
    weights = Path(model if model.endswith(".pt") else f"{model}.pt")
    if weights.exists():
        shutil.copyfile(weights, folder / weights.name)
    export = ("format=tflite", "int8=True", f"imgsz={size}", f"data={data_set(data, folder)}")
    write_sample(folder)
    subprocess.run(("yolo", "export", f"model={weights.name}", *export), cwd=folder, check=False)
    made = folder / f"{weights.stem}_saved_model" / f"{weights.stem}_full_integer_quant.tflite"
    if not (folder / weights.name).exists():
        raise ExportError(f"no {weights.name} in this folder, and Ultralytics fetched none; its messages above say why")
    if not made.is_file():
        raise ExportError(f"Ultralytics made no {made.name}; its messages above say why")
    cpu = made.rename(folder / f"{weights.stem}_{size}.tflite")
    subprocess.run((*COMPILER, "--out_dir", str(folder), str(cpu)), check=False)
    edgetpu = cpu.with_name(f"{cpu.stem}_edgetpu.tflite")
    if not edgetpu.is_file():
        raise ExportError(f"edgetpu_compiler made no {edgetpu.name}; its messages above say why")
    _copy_metadata(cpu, edgetpu)
    return cpu, edgetpu


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _copy_metadata(cpu: Path, edgetpu: Path) -> None:
    """Class names lie in a zip behind the model, which the compiler leaves out."""
    with zipfile.ZipFile(io.BytesIO(cpu.read_bytes())) as source, zipfile.ZipFile(edgetpu, "a") as target:
        for name in set(source.namelist()) - set(target.namelist()):
            target.writestr(name, source.read(name))


if __name__ == "__main__":
    sys.exit(main())
