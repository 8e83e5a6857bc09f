"""What the configuration leaves to the machine: name, state folder, password, model."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedet.cameras import picamera2
from edgedet.errors import ConfigError
from edgedet.settings import (
    CameraSettings,
    MqttSettings,
    Settings,
    choice_of_path,
    device_name,
    load_settings,
    mqtt_password,
    parse_broker_url,
    resolve_model,
    state_dir,
)
from edgedet.settings.model_choice import BUNDLED_MODEL

CAMERAS = {"porch": CameraSettings(source=picamera2.Settings())}
DEFAULTS = Settings(cameras=CAMERAS)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("porch-pi", "porch-pi"),
        ("Porch Pi.local", "porch-pi"),
        ("RaspberryPi", "raspberrypi-0a1b"),
        ("localhost.localdomain", "localhost-0a1b"),
        ("ubuntu", "ubuntu-0a1b"),
        ("health", "health-0a1b"),
        ("…", "edgedet-0a1b"),
        ("x" * 63, "x" * 32),
    ],
)
def test_a_device_is_called_as_its_host_unless_many_hosts_are_called_so(tmp_path: Path, host: str, name: str) -> None:
    machine_id = tmp_path / "machine-id"
    machine_id.write_text("0a1b2c3d4e5f60718293a4b5c6d7e8f9\n")
    assert device_name(DEFAULTS, host=host, machine_id_files=(tmp_path / "none", machine_id)) == name


def test_without_a_machine_id_a_generic_host_still_gets_four_hex_digits(tmp_path: Path) -> None:
    name = device_name(DEFAULTS, host="raspberrypi", machine_id_files=(tmp_path / "none",))
    assert len(name) == len("raspberrypi-") + 4
    assert int(name.removeprefix("raspberrypi-"), 16) >= 0


def test_a_configured_device_is_taken_as_it_is() -> None:
    assert device_name(Settings(cameras=CAMERAS, device="raspberrypi"), host="other") == "raspberrypi"


@pytest.mark.parametrize(
    ("environment", "user_id", "folder"),
    [
        ({"STATE_DIRECTORY": "/a:/b", "XDG_STATE_HOME": "/x"}, 0, "/a"),
        ({"XDG_STATE_HOME": "/x"}, 0, "/var/lib/edgedet"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, 1000, "/x/edgedet"),
        ({"XDG_STATE_HOME": "x", "HOME": "/h"}, 1000, "/h/.local/state/edgedet"),
    ],
)
def test_the_state_folder_follows_systemd_then_root_then_xdg(
    environment: dict[str, str], user_id: int, folder: str
) -> None:
    assert state_dir(DEFAULTS, environment=environment, user_id=user_id) == Path(folder)
    configured = Settings(cameras=CAMERAS, state_dir=Path("/s"))
    assert state_dir(configured, environment=environment, user_id=user_id) == Path("/s")


def test_the_password_comes_from_the_file_then_the_url_then_systemd_then_the_environment(tmp_path: Path) -> None:
    (tmp_path / "mqtt-password").write_text("of systemd\n")
    own = tmp_path / "own"
    own.write_text("of the file\r\nsecond line\n")
    everything = {"CREDENTIALS_DIRECTORY": str(tmp_path), "EDGEDET_MQTT_PASSWORD": "of the environment"}
    url = parse_broker_url("mqtt://u:of-the-url@h")

    def password(mqtt: MqttSettings, environment: dict[str, str]) -> str | None:
        found = mqtt_password(mqtt, environment=environment)
        return found.get_secret_value() if found else None

    assert password(MqttSettings(password_file=own), everything) == "of the file"
    assert password(MqttSettings(url=url), everything) == "of-the-url"
    assert password(MqttSettings(), everything) == "of systemd"
    assert password(MqttSettings(), {**everything, "CREDENTIALS_DIRECTORY": ""}) == "of the environment"
    assert password(MqttSettings(), {}) is None


def test_a_password_is_not_shown_by_accident(tmp_path: Path) -> None:
    assert "secret" not in repr(mqtt_password(MqttSettings(), environment={"EDGEDET_MQTT_PASSWORD": "secret"}))


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("", "is empty"), (b"\xff", "no UTF-8")])
def test_a_password_file_that_holds_none_is_a_wrong_configuration(
    tmp_path: Path, content: str | bytes | None, reason: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=f"mqtt.password_file: .*{reason}"):
        mqtt_password(MqttSettings(password_file=file), environment={})


def models(tmp_path: Path, *names: str) -> Path:
    (tmp_path / "models").mkdir(exist_ok=True)
    for name in names:
        (tmp_path / "models" / name).touch()
    return tmp_path


def with_model(model: str, **files: dict[str, Path]) -> Settings:
    return Settings.model_validate({"cameras": CAMERAS, "detector": {"model": model}, "models": files})


def test_auto_finds_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert resolve_model(DEFAULTS, tmp_path) is None


def test_auto_takes_the_only_model_with_its_twin_and_its_labels(tmp_path: Path) -> None:
    state = models(tmp_path, "yolo.tflite", "yolo_edgetpu.tflite", "yolo.txt", "readme.md")
    choice = resolve_model(DEFAULTS, state)
    assert choice is not None
    assert choice.name == "yolo"
    assert choice.files == (state / "models" / "yolo_edgetpu.tflite", state / "models" / "yolo.tflite")
    assert choice.labels == state / "models" / "yolo.txt"


def test_auto_refuses_to_choose_among_several_and_names_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"auto, and there are 2 models: a, b\nName the one to use, such as model: a"):
        resolve_model(DEFAULTS, models(tmp_path, "a.tflite", "b.tflite", "b_edgetpu.tflite"))


def test_the_refusal_to_choose_names_the_place_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text("version: 1\ndetector:\n  model: auto\ncameras: {a: {source: {type: picamera2}}}\n")
    with pytest.raises(ConfigError, match=r"e.yaml:3:10: detector.model: auto, and there are 2 models: a, b; Name"):
        load_settings(file).resolve_model(models(tmp_path, "a.tflite", "b.tflite"))


def test_a_configured_model_whose_files_are_among_the_installed_ones_counts_once(tmp_path: Path) -> None:
    state = models(tmp_path, "yolov8n_320.tflite", "yolov8n_320_edgetpu.tflite")
    choice = resolve_model(with_model("auto", yolov8n={"cpu": state / "models" / "yolov8n_320.tflite"}), state)
    assert choice is not None
    assert choice.name == "yolov8n"
    assert choice.edgetpu == state / "models" / "yolov8n_320_edgetpu.tflite"
    assert choice.key == ("models", "yolov8n")


def test_a_name_is_looked_for_in_the_configuration_first(tmp_path: Path) -> None:
    state = models(tmp_path, "a.tflite", "b.tflite")
    choice = resolve_model(with_model("a", a={"cpu": Path("/elsewhere/a.tflite")}), state)
    assert choice is not None
    assert choice.files == (Path("/elsewhere/a.tflite"),)
    installed = resolve_model(with_model("b"), state)
    assert installed is not None
    assert installed.files == (state / "models" / "b.tflite",)


def test_a_name_that_is_nowhere_is_waited_for_among_the_installed_models(tmp_path: Path) -> None:
    choice = resolve_model(with_model("later"), tmp_path)
    assert choice is not None
    assert choice.files == (tmp_path / "models" / "later_edgetpu.tflite", tmp_path / "models" / "later.tflite")


def test_the_bundled_model_is_known_by_its_name_and_never_chosen_by_itself(tmp_path: Path) -> None:
    bundled = resolve_model(with_model("demo_model"), tmp_path)
    assert bundled is not None
    assert bundled.files == (BUNDLED_MODEL,)
    assert BUNDLED_MODEL.is_file()
    assert resolve_model(with_model("auto"), tmp_path) is None
    own = resolve_model(with_model("demo_model"), models(tmp_path, "demo_model.tflite"))
    assert own is not None
    assert own.files == (tmp_path / "models" / "demo_model.tflite",)


def test_a_path_finds_its_twin_in_both_directions(tmp_path: Path) -> None:
    folder = models(tmp_path, "m.tflite", "m_edgetpu.tflite", "alone_edgetpu.tflite") / "models"
    assert choice_of_path(folder / "m.tflite") == choice_of_path(folder / "m_edgetpu.tflite")
    assert choice_of_path(folder / "m.tflite").edgetpu == folder / "m_edgetpu.tflite"
    assert choice_of_path(folder / "alone_edgetpu.tflite").cpu is None
    assert choice_of_path(folder / "none.tflite").files == (folder / "none.tflite",)
