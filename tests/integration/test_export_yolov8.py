"""Inside the export image: from a .pt file to a pair, with stand-ins for Ultralytics and Google's compiler.

The image itself takes some gigabytes from package indexes and from Google, and is not built here: docs/models.md says
what was seen of it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from edgedet.app.model_pair import look_at_pair
from edgedet.settings.model_choice import BUNDLED_MODEL
from software_edgetpu.compiled import compiled_from

EXPORT = Path(__file__).parents[2] / "deploy" / "export_yolov8"


YOLO = """
import numpy, yaml
given = dict(each.split('=') for each in sys.argv[2:])
sample = numpy.load('calibration_image_sample_data_20x128x128x3_float32.npy')
assert (sample.shape, sample.dtype) == ((20, 128, 128, 3), 'float32')
if pathlib.Path(given['data']).exists():
    described = yaml.safe_load(pathlib.Path(given['data']).read_text())
    pictures = pathlib.Path(described['path'], described['val']).rglob('*.*')
    pathlib.Path(sys.argv[0] + '.pictures').write_text('\\n'.join(str(each.resolve()) for each in sorted(pictures)))
pathlib.Path(given['model']).touch()
stem = given['model'].removesuffix('.pt')
made = pathlib.Path(stem + '_saved_model')
made.mkdir()
shutil.copy(MODEL, made / (stem + '_full_integer_quant.tflite'))
"""
"""Makes of everything the bundled model, and tells which pictures it would have measured on."""


def program(folder: Path, name: str, code: str) -> None:
    """A stand-in that writes its arguments into `<name>.called`."""
    file = folder / name
    record = "import sys, pathlib, shutil\n"
    record += f"pathlib.Path({str(file)!r} + '.called').write_text(' '.join(sys.argv[1:]))\n"
    file.write_text(f"#!{sys.executable}\n{record}{code}")
    file.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    # The compiler drops what is appended to a model, so its stand-in gives a file without it.
    compiled = compiled_from(BUNDLED_MODEL, tmp_path / "compiled.tflite")
    with zipfile.ZipFile(compiled) as archive:
        bare = compiled.read_bytes()[: archive.infolist()[0].header_offset]
    compiled.write_bytes(bare)
    program(folder, "yolo", f"MODEL = {str(BUNDLED_MODEL)!r}\n{YOLO}")
    program(
        folder,
        "edgetpu_compiler",
        "out = pathlib.Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
        f"shutil.copy({str(compiled)!r}, out / (pathlib.Path(sys.argv[-1]).stem + '_edgetpu.tflite'))\n",
    )
    return folder


def exported(programs: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXPORT / "export_pair.py"), *arguments]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_pair_is_calibrated_named_by_its_size_and_one_model_with_all_its_names(
    programs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    done = exported(programs, folder, "yolov8n")
    assert done.returncode == 0, done.stderr
    called = (programs / "yolo.called").read_text()
    assert called == "export model=yolov8n.pt format=tflite int8=True imgsz=320 data=coco128.yaml"
    cpu, edgetpu = folder / "yolov8n_320.tflite", folder / "yolov8n_320_edgetpu.tflite"
    pair = look_at_pair(cpu, edgetpu, None)
    assert pair.edgetpu is not None
    assert pair.edgetpu.info.metadata.names == pair.cpu.info.metadata.names
    assert "edgedet models add yolov8n --cpu yolov8n_320.tflite" in done.stdout


@pytest.mark.parametrize(
    ("broken", "does", "told"),
    [
        ("yolo", "", "no yolov8n.pt in this folder, and Ultralytics fetched none"),
        ("yolo", "pathlib.Path('yolov8n.pt').touch()\n", "Ultralytics made no yolov8n_full"),
        ("edgetpu_compiler", "", "edgetpu_compiler made no yolov8n_640_edgetpu"),
    ],
)
def test_a_step_that_fails_is_named_and_leaves_nothing_half_done(
    programs: Path, tmp_path: Path, broken: str, does: str, told: str
) -> None:
    program(programs, broken, f"{does}sys.exit(1)")
    folder = tmp_path / "models"
    folder.mkdir()
    done = exported(programs, folder, "yolov8n", "--size", "640")
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


def pictures_in(folder: Path, *names: str) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"a picture")
    return [str(folder / name) for name in names]


def measured_on(programs: Path, folder: Path, data: str) -> list[str]:
    """The pictures that Ultralytics was given for `--data`."""
    done = exported(programs, folder, "yolov8n", "--data", data)
    assert done.returncode == 0, done.stderr
    return (programs / "yolo.pictures").read_text().splitlines()


def test_a_folder_of_pictures_is_enough_and_nothing_is_left_in_it(programs: Path, tmp_path: Path) -> None:
    pictures = pictures_in(tmp_path / "models" / "yard", "a.jpg", "b.JPG", "c.png")
    (tmp_path / "models" / "yard" / "notes.txt").write_text("no picture")
    assert measured_on(programs, tmp_path / "models", "yard") == pictures
    assert {each.name for each in (tmp_path / "models").rglob("*")} == {
        *("yard", "a.jpg", "b.JPG", "c.png", "notes.txt"),
        *("yolov8n_320.tflite", "yolov8n_320_edgetpu.tflite"),
    }


@pytest.mark.parametrize(
    "described",
    [
        "train: images/train\nval: images/val\nnc: 1\n",
        "path: .\nval: images/val\n",
        "path: ../set\ntrain: images/train\nval: [images/val]\n",
        "train: images/val\n",
        "val: ../images/val\n",
        "val: list.txt\n",
    ],
)
def test_paths_in_a_data_set_s_file_begin_at_its_own_folder(programs: Path, tmp_path: Path, described: str) -> None:
    folder = tmp_path / "models"
    pictures = pictures_in(folder / "set" / "images" / "val", "a.jpg", "b.jpg")
    pictures_in(folder / "set" / "images" / "train", "other.jpg")
    (folder / "set" / "list.txt").write_text("images/val/a.jpg\n./images/val/b.jpg\n")
    (folder / "set" / "my_own.yaml").write_text(described)
    assert measured_on(programs, folder, "set/my_own.yaml") == pictures


def test_of_very_many_pictures_some_are_taken_from_all_over_as_all_must_fit_into_memory(
    programs: Path, tmp_path: Path
) -> None:
    pictures = pictures_in(tmp_path / "models" / "yard", *(f"{number:04}.jpg" for number in range(1000)))
    taken = measured_on(programs, tmp_path / "models", "yard")
    assert len(taken) == 300
    assert (taken[0], taken[-1]) == (pictures[0], pictures[-1])
    assert set(taken) <= set(pictures)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("nowhere", "--data nowhere: neither a folder nor a file"),
        ("empty", "--data empty: no pictures there (.bmp, .jpeg, .jpg"),
        ("wrong.yaml", "--data wrong.yaml: there is no images/val in here; paths begin at the folder of the file"),
        ("away.yaml", "--data away.yaml: there is no /home/me/pictures in here; paths begin"),
        ("broken.yaml", "--data broken.yaml: neither a folder nor YAML: while parsing"),
        ("text.yaml", "--data text.yaml: neither `val:` nor `train:` says where the pictures are"),
    ],
)
def test_a_data_set_without_pictures_is_told_in_one_line_before_anything_starts(
    programs: Path, tmp_path: Path, data: str, told: str
) -> None:
    folder = tmp_path / "models"
    (folder / "empty").mkdir(parents=True)
    (folder / "wrong.yaml").write_text("val: images/val\n")
    (folder / "away.yaml").write_text("path: /home/me\nval: pictures\n")
    (folder / "broken.yaml").write_text("val: [\n")
    (folder / "text.yaml").write_text("hello\n")
    done = exported(programs, folder, "yolov8n", "--data", data)
    assert done.returncode == 1
    assert done.stderr.startswith(f"export: {told}")
    assert len(done.stderr.splitlines()) == 1
    assert not (programs / "yolo.called").exists()


@pytest.mark.parametrize("press", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_stop_end_it_at_once_and_leave_nothing(
    programs: Path, tmp_path: Path, press: signal.Signals
) -> None:
    program(programs, "yolo", "import time\ntime.sleep(60)\n")
    folder = tmp_path / "models"
    folder.mkdir()
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [sys.executable, str(EXPORT / "export_pair.py"), "yolov8n"]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as running:
        limit = time.monotonic() + 30
        while not (programs / "yolo.called").exists():
            assert time.monotonic() < limit
            time.sleep(0.05)
        running.send_signal(press)
        assert running.communicate(timeout=10)[1] == "export: interrupted; nothing was written\n"
    assert running.returncode == 130
    assert list(folder.iterdir()) == []


def test_every_version_in_the_image_is_pinned() -> None:
    lines = (EXPORT / "requirements.txt").read_text().splitlines()
    asked = [line for line in lines if line and not line.startswith(("#", "--extra-index-url "))]
    assert len(asked) > 50
    assert [line for line in asked if not re.fullmatch(r"[\w.-]+==[\d.]+", line)] == []
