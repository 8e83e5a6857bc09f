"""`edgedet models add` and `list`: one's own models, as a user and as the daemon find them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tflite_files
from edgedet.app.preference import files_for
from edgedet.models.inspection import inspect
from edgedet.settings.model_choice import BUNDLED_MODEL, installed_models
from integration import with_tiny_model
from integration.broker import Broker, Subscriber
from integration.edgedet_process import PATIENCE_S, Finished, RunningDaemon
from integration.model_server import serving
from software_edgetpu.compiled import compiled_from
from tflite_files import Model, Operation, Tensor


@dataclass(frozen=True)
class Home:
    """A state directory of its own, and `edgedet models` for it."""

    state: Path

    @property
    def models(self) -> Path:
        return self.state / "models"

    def names(self) -> list[str]:
        return sorted(file.name for file in self.models.iterdir()) if self.models.is_dir() else []

    def run(self, *arguments: str | Path) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "edgedet", "models", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env={**os.environ, "STATE_DIRECTORY": str(self.state)},
        )
        assert "Traceback" not in done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    def listed(self) -> dict[str, dict[str, Any]]:
        return {model["name"]: model for model in json.loads(self.run("list", "--json").out)["models"]}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A model of one's own, with names inside, and the file compiled from it, under names that are no twins'."""
    cpu = Path(shutil.copy(BUNDLED_MODEL, tmp_path / "street.tflite"))
    return cpu, compiled_from(cpu, tmp_path / "street-compiled.tflite")


def test_a_pair_is_copied_under_its_new_name_and_its_daemon_finds_it(home: Home, pair: tuple[Path, Path]) -> None:
    done = home.run("add", "street", "--cpu", pair[0], "--edgetpu", pair[1])
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "street is ready: 256x256, 4 classes; the Edge TPU takes all of it"
    assert home.names() == ["street.json", "street.tflite", "street_edgetpu.tflite"]
    assert (home.models / "street.tflite").read_bytes() == pair[0].read_bytes()
    assert (home.models / "street_edgetpu.tflite").read_bytes() == pair[1].read_bytes()
    found = installed_models(home.state)["street"]
    assert (found.cpu, found.edgetpu) == (home.models / "street.tflite", home.models / "street_edgetpu.tflite")


def test_the_twin_beside_the_file_is_taken_along(home: Home, pair: tuple[Path, Path]) -> None:
    twin = Path(shutil.copy(pair[1], pair[0].with_name("street_edgetpu.tflite")))
    done = home.run("add", "street", "--cpu", pair[0])
    assert done.code == 0
    assert f"with its twin {twin}" in done.err
    assert "street_edgetpu.tflite" in home.names()


def test_labels_of_a_file_are_kept_with_the_model(home: Home, tmp_path: Path) -> None:
    bare = tflite_files.write(tmp_path / "m.tflite", tflite_files.detector(tflite_files.dense(2)))
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\n")
    assert home.run("add", "pets", "--cpu", bare).code == 0
    done = home.run("add", "pets", "--cpu", bare, "--labels", names, "--replace")
    assert (done.code, "warning" in done.err) == (0, False)
    assert installed_models(home.state)["pets"].labels == home.models / "pets.txt"
    done = home.run("add", "pets", "--cpu", bare, "--replace")
    assert "no class names: they are class_0 and so on (--labels gives names)" in done.err
    assert home.names() == ["pets.json", "pets.tflite"]


def test_names_that_the_compiler_left_out_are_those_of_the_other_file(
    home: Home, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(pair[1]) as archive:
        end = archive.infolist()[0].header_offset
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(pair[1].read_bytes()[:end])
    done = home.run("add", "street", "--cpu", pair[0], "--edgetpu", bare)
    assert (done.code, "warning" in done.err) == (0, False), done.err
    found = installed_models(home.state)["street"]
    assert found.labels is not None
    files = files_for(home.models / "street.tflite", found.labels, "auto")
    assert files.cpu is not None
    assert files.edgetpu is not None
    assert files.edgetpu.labels == inspect(BUNDLED_MODEL).metadata.names


def test_how_well_the_compiled_file_maps_is_said(home: Home, tmp_path: Path) -> None:
    output = tflite_files.dense(2)
    cpu = tflite_files.write(tmp_path / "m.tflite", tflite_files.detector(output, names={0: "a", 1: "b"}))
    image = tflite_files.picture()
    operations = [
        Operation(tflite_files.EDGETPU, [image.name], ["middle"], tflite_files.edgetpu_package(14)),
        *(Operation("CONV_2D", ["middle"], ["middle"]) for _ in range(9)),
        Operation("RESHAPE", ["middle"], [output.name]),
    ]
    zipped = {"metadata.json": json.dumps({"names": {0: "a", 1: "b"}})}
    compiled = Model([image], [output], [Tensor("middle", (1, 8))], operations, zipped)
    edgetpu = tflite_files.write(tmp_path / "c.tflite", compiled)
    done = home.run("add", "m", "--cpu", cpu, "--edgetpu", edgetpu)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1].endswith("; 10 operations stay on the CPU, 9 of them convolutions")
    assert "warning: " in done.err


def test_files_that_are_not_one_model_are_refused_and_nothing_is_copied(
    home: Home, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tflite_files.write(tmp_path / "other.tflite", tflite_files.detector(tflite_files.dense(2)))
    other_compiled = compiled_from(other, tmp_path / "other-compiled.tflite")
    page = tmp_path / "page.tflite"
    page.write_text("<html>")
    refused = {
        ("--cpu", pair[0], "--edgetpu", other_compiled): "are not one model: 256x256 against 320x320 pixels",
        ("--cpu", pair[0], "--edgetpu", other): f"{other}: not compiled for the Edge TPU",
        ("--cpu", pair[1]): f"{pair[1]}: compiled for the Edge TPU, does not run on the CPU",
        ("--cpu", page): f"{page}: not a TFLite model (a web page?)",
        ("--cpu", tmp_path / "none.tflite"): f"{tmp_path / 'none.tflite'}: no such model file",
    }
    for arguments, said in refused.items():
        done = home.run("add", "m", *arguments)
        assert (done.code, done.out) == (1, ""), done.err
        assert said in done.err
        assert len(done.err.splitlines()) == 2
    assert home.names() == []


@pytest.mark.parametrize("name", ["Street", "a b", "x" * 33, "auto", "street_edgetpu", "../x", ""])
def test_names_that_no_model_can_have_are_refused(home: Home, name: str) -> None:
    done = home.run("add", name, "--cpu", BUNDLED_MODEL)
    assert done.code == 2
    assert "is no name for a model" in done.err
    assert home.names() == []


def test_a_model_is_overwritten_only_with_replace_and_then_wholly(home: Home, pair: tuple[Path, Path]) -> None:
    assert home.run("add", "street", "--cpu", pair[0], "--edgetpu", pair[1]).code == 0
    done = home.run("add", "street", "--cpu", BUNDLED_MODEL)
    assert done.code == 2
    assert "there is a model street\n--replace" in done.err
    assert "street_edgetpu.tflite" in home.names()
    assert home.run("add", "street", "--cpu", BUNDLED_MODEL, "--replace").code == 0
    # What was compiled from the old one is not left beside the new one.
    assert home.names() == ["street.json", "street.tflite"]


@pytest.mark.skipif(os.geteuid() != 0, reason="files of other users are made by root")
def test_what_root_adds_belongs_to_the_service_s_user(home: Home) -> None:
    home.state.mkdir()
    os.chown(home.state, 12345, 12345)
    assert home.run("add", "street", "--cpu", BUNDLED_MODEL).code == 0
    made = [home.models, *home.models.iterdir()]
    assert {(each.stat().st_uid, each.stat().st_gid) for each in made} == {(12345, 12345)}
    assert {oct(file.stat().st_mode & 0o777) for file in home.models.iterdir()} == {"0o644"}


def test_the_state_directory_of_a_configuration_is_meant_with_it(home: Home, tmp_path: Path) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\nstate_dir: {tmp_path / 'elsewhere'}\ncameras: {{a: {{source: {{type: synthetic}}}}}}\n"
    )
    assert home.run("add", "street", "--cpu", BUNDLED_MODEL, "-c", config).code == 0
    assert (tmp_path / "elsewhere" / "models" / "street.tflite").is_file()
    config.write_text("version: 1\ncameras: {}\n")
    assert home.run("list", "-c", config).code == 78


def test_the_list_has_what_is_there_what_comes_along_and_what_can_be_had(home: Home, pair: tuple[Path, Path]) -> None:
    assert home.run("add", "street", "--cpu", pair[0], "--edgetpu", pair[1]).code == 0
    listed = home.listed()
    street = listed["street"]
    assert (street["state"], street["licence"], street["width"], street["height"]) == ("installed", None, 256, 256)
    assert street["files"]["cpu"] == {
        "path": str(home.models / "street.tflite"),
        "bytes": BUNDLED_MODEL.stat().st_size,
    }
    assert set(street["files"]) == {"cpu", "edgetpu"}
    assert listed["demo_model"]["state"] == "bundled"
    assert (listed["mobiledet"]["state"], listed["mobiledet"]["licence"]) == ("pull", "Apache-2.0")
    assert (listed["yolov8n"]["state"], listed["yolov8n"]["licence"]) == ("export", "AGPL-3.0 (Ultralytics)")
    lines = home.run("list").out.splitlines()
    assert len(lines) == len(listed)
    assert lines[0].split()[:4] == ["street", "installed", "256x256", "cpu+edgetpu"]


def test_a_file_that_somebody_put_there_by_hand_is_listed_whatever_it_is(home: Home) -> None:
    home.models.mkdir(parents=True)
    (home.models / "junk.tflite").write_bytes(b"junk")
    assert home.listed()["junk"]["width"] is None
    assert home.listed()["junk"]["about"] == "put there by hand"


def fresh(folder: Path, port: int, model: str = "auto") -> Path:
    """A configuration as somebody has it who has only just installed edgedet."""
    config = folder / "edgedet.yaml"
    config.write_text(
        f"version: 1\ndevice: dev\nstate_dir: {folder / 'state'}\nmqtt: {{url: 'mqtt://127.0.0.1:{port}'}}\n"
        f"detector: {{model: {model}, accelerators: [cpu]}}\n"
        f"cameras: {{porch: {{source: {{type: synthetic, size: [320, 240], fps: 10}}}}}}\n"
    )
    return config


def health(heard: Subscriber) -> dict[str, Any]:
    told = heard.last("edgedet/dev/health")
    found: dict[str, Any] = {"state": "", "reasons": []} if told is None else json.loads(told)
    return found


async def test_a_fresh_daemon_says_how_to_get_a_model_and_takes_the_one_that_is_added(
    broker: Broker, home: Home, tmp_path: Path
) -> None:
    config = fresh(tmp_path, broker.port)
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: health(heard)["state"] == "blind")
        (reason,) = health(heard)["reasons"]
        assert reason["code"] == "model_missing"
        assert f"There is no model in {home.models}: `edgedet models pull mobiledet` gets one" in reason["message"]
        assert home.run("add", "street", "--cpu", BUNDLED_MODEL, "-c", config).code == 0
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        await heard.until(lambda: health(heard)["state"] == "ok")
        assert health(heard)["detector"]["model"] == "street.tflite"
        assert run.stop() == 0


async def test_a_daemon_that_waits_for_a_model_of_the_catalogue_takes_it_when_it_is_pulled(
    broker: Broker, home: Home, tmp_path: Path
) -> None:
    with serving(tmp_path / "site") as site:
        cpu, edgetpu, labels = (site.files / name for name in with_tiny_model.NAMES)
        shutil.copy(BUNDLED_MODEL, cpu)
        compiled_from(cpu, edgetpu)
        labels.write_text("person\ncar\ndog\nbicycle\n")
        config = fresh(tmp_path, broker.port, model="tiny")
        with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
            await heard.until(lambda: health(heard)["state"] == "blind")
            command = [sys.executable, with_tiny_model.__file__, site.files, "models", "pull", "tiny"]
            pulling = await asyncio.create_subprocess_exec(*command, "--from", site.url, "-c", config)
            assert await pulling.wait() == 0
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
            assert run.stop() == 0


async def test_a_daemon_whose_model_is_of_the_catalogue_says_which_command_gets_it(
    broker: Broker, tmp_path: Path
) -> None:
    config = fresh(tmp_path, broker.port, model="mobiledet")
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: health(heard)["state"] == "blind")
        (reason,) = health(heard)["reasons"]
        assert "`edgedet models pull mobiledet` gets it, and it is taken as soon as it comes" in reason["message"]
        assert run.stop() == 0
