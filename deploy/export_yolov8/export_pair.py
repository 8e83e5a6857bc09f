"""Inside the export image: a YOLOv8 model becomes X.tflite for the CPU and X_edgetpu.tflite for a Coral.

In two steps, not with Ultralytics' own `format=edgetpu`: that one, up to 8.4.45, drops the pictures for the calibration
(https://github.com/ultralytics/ultralytics/pull/24383), and quantises the input to 55 levels of 256.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

COMPILER = ("edgetpu_compiler", "--show_operations", "--search_delegate", "--timeout_sec", "600")


def main() -> int:
    options = _options()
    weights = Path(options.model if options.model.endswith(".pt") else f"{options.model}.pt")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if weights.exists():
            shutil.copy(weights, folder / weights.name)
        data = Path(options.data)
        # A data set of one's own is given by its file; a name alone is one that Ultralytics knows and fetches.
        calibration = str(data.resolve()) if data.exists() else options.data
        export = ("format=tflite", "int8=True", f"imgsz={options.size}", f"data={calibration}")
        subprocess.run(("yolo", "export", f"model={weights.name}", *export), cwd=folder, check=False)
        made = folder / f"{weights.stem}_saved_model" / f"{weights.stem}_full_integer_quant.tflite"
        if not made.is_file():
            print(f"export: Ultralytics made no {made.name}; its messages above say why", file=sys.stderr)
            return 1
        cpu = folder / f"{weights.stem}_{options.size}.tflite"
        made.rename(cpu)
        subprocess.run((*COMPILER, "--out_dir", str(folder), str(cpu)), check=False)
        edgetpu = cpu.with_name(f"{cpu.stem}_edgetpu.tflite")
        if not edgetpu.is_file():
            print(f"export: edgetpu_compiler made no {edgetpu.name}; its messages above say why", file=sys.stderr)
            return 1
        _copy_metadata(cpu, edgetpu)
        for file in (cpu, edgetpu):
            shutil.copy(file, Path.cwd() / file.name)
    print(f"\n{cpu.name} and {edgetpu.name} are there. On the Pi, with both in one folder:")
    print(f"  edgedet models add {weights.stem.lower()} --cpu {cpu.name}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="export", description="Make a YOLOv8 model into a pair of files for edgedet.")
    parser.add_argument("model", help="yolov8n, yolov8s, … or a .pt file of your own in this folder")
    parser.add_argument("--size", type=int, default=320, help="side of the picture, pixels; 320 fits the Edge TPU")
    parser.add_argument(
        "--data", default="coco128.yaml", help="pictures like those that it will see, for the calibration"
    )
    return parser.parse_args()


def _copy_metadata(cpu: Path, edgetpu: Path) -> None:
    """Class names lie in a zip behind the model, which the compiler leaves out."""
    with zipfile.ZipFile(io.BytesIO(cpu.read_bytes())) as source, zipfile.ZipFile(edgetpu, "a") as target:
        for name in set(source.namelist()) - set(target.namelist()):
            target.writestr(name, source.read(name))


if __name__ == "__main__":
    sys.exit(main())
