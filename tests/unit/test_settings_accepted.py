"""What a configuration may say, and what it means."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgedet.cameras import picamera2
from edgedet.errors import ConfigError
from edgedet.settings import BrokerAddress, CameraSettings, Loaded, Settings, load_settings, parse_broker_url

CAMERA = "version: 1\ncameras:\n  porch:\n    source: {type: picamera2}\n"


def load(tmp_path: Path, text: str, **environment: str) -> Loaded:
    file = tmp_path / "edgedet.yaml"
    file.write_text(text)
    file.chmod(0o600)  # passwords may stand in a file that nobody else can read
    return load_settings(file, environment=environment)


def test_a_camera_and_its_source_are_enough(tmp_path: Path) -> None:
    loaded = load(tmp_path, CAMERA)
    assert loaded.warnings == ()
    assert loaded.settings.cameras["porch"].source == picamera2.Settings()
    assert loaded.settings == Settings(cameras={"porch": CameraSettings(source=picamera2.Settings())})


def test_a_missing_version_is_taken_as_1_with_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, CAMERA.removeprefix("version: 1\n"))
    assert loaded.settings.version == 1
    assert loaded.warnings == (f"{tmp_path}/edgedet.yaml:1:1: version: missing, 1 is assumed; add version: 1",)


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(tmp_path: Path) -> None:
    text = CAMERA + "    detect:\n    zones:\n    masks:\nmqtt:\n  tls:\nmodels:\n"
    assert load(tmp_path, text).settings == load(tmp_path, CAMERA).settings


def test_whole_numbers_may_stand_for_others_and_words_of_yaml_1_1_are_text(tmp_path: Path) -> None:
    camera = load(tmp_path, CAMERA + "    detect: {fps: 3}\n    publish: {detections: off}\n").settings.cameras["porch"]
    assert (camera.detect.fps, camera.publish.detections) == (3.0, "off")


def test_an_anchor_can_be_merged_into_several_cameras(tmp_path: Path) -> None:
    text = (
        "version: 1\ncameras:\n"
        "  a: &a {source: {type: picamera2}, detect: &d {fps: 3, iou: 0.5}}\n"
        "  b: {<<: *a, detect: {<<: [*d], fps: 7}}\n"
    )
    cameras = load(tmp_path, text).settings.cameras
    assert cameras["b"].source == cameras["a"].source
    assert (cameras["b"].detect.fps, cameras["b"].detect.iou) == (7.0, 0.5)


def test_a_camera_may_be_called_by_a_number(tmp_path: Path) -> None:
    assert list(load(tmp_path, "version: 1\ncameras: {7: {source: {type: picamera2}}}\n").settings.cameras) == ["7"]


def test_a_file_with_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    file = tmp_path / "edgedet.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + CAMERA.replace("\n", "\r\n").encode())
    assert list(load_settings(file).settings.cameras) == ["porch"]


def test_the_environment_gives_texts_numbers_and_booleans(tmp_path: Path) -> None:
    text = (
        CAMERA
        + '    detect: {fps: "${FPS}", enabled: "${ON}"}\nmqtt:\n  url: mqtt://${HOST}:1884\n  username: ${USER}\n'
    )
    settings = load(tmp_path, text, FPS="2.5", ON="false", HOST="broker", USER="1234").settings
    assert settings.cameras["porch"].detect.fps == 2.5
    assert settings.cameras["porch"].detect.enabled is False
    assert settings.mqtt.url == BrokerAddress("broker", 1884, tls=False)
    assert settings.mqtt.username == "1234"


def test_an_escaped_variable_stays_text(tmp_path: Path) -> None:
    assert load(tmp_path, CAMERA + "mqtt:\n  username: a$${HOME}$b\n").settings.mqtt.username == "a${HOME}$b"


def test_a_variable_in_a_comment_is_not_looked_up(tmp_path: Path) -> None:
    assert load(tmp_path, CAMERA + "# ${NOT_SET}\n").warnings == ()


def test_a_relative_path_starts_at_the_folder_of_the_file(tmp_path: Path) -> None:
    text = (
        "version: 1\nmqtt: {password_file: secret/mqtt, tls: {ca_file: /etc/ca.pem}, url: 'mqtts://h'}\n"
        "detector: {model: models/m.tflite}\nmodels: {n: {cpu: n.tflite}}\n"
        "cameras: {a: {source: {type: video, path: clip.mp4}}}\n"
    )
    settings = load(tmp_path, text).settings
    assert settings.mqtt.password_file == tmp_path / "secret" / "mqtt"
    assert settings.mqtt.tls.ca_file == Path("/etc/ca.pem")
    assert settings.detector.model == str(tmp_path / "models" / "m.tflite")
    assert settings.models["n"].cpu == tmp_path / "n.tflite"
    assert str(getattr(settings.cameras["a"].source, "path", "")) == str(tmp_path / "clip.mp4")


def test_a_closed_polygon_loses_its_repeated_corner(tmp_path: Path) -> None:
    text = CAMERA + "    masks: [[[0, 0], [1, 0], [1, 1], [0, 0]]]\n"
    assert load(tmp_path, text).settings.cameras["porch"].masks == (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),)


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path, CAMERA).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.device = "other"  # type: ignore[misc] - what the test is about


def test_no_text_that_is_made_of_settings_holds_a_password(tmp_path: Path) -> None:
    loaded = load(tmp_path, CAMERA + "mqtt: {url: 'mqtt://me:hunter2@h'}\n")
    assert loaded.settings.mqtt.url.password == "hunter2"
    texts = [repr(loaded.settings), str(loaded.settings), str(loaded.settings.mqtt), loaded.settings.model_dump_json()]
    assert not any("hunter2" in text for text in texts)
    assert json.loads(texts[3])["mqtt"]["url"] == "mqtt://h:1883"


def test_tls_settings_without_tls_are_worth_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, CAMERA + "mqtt:\n  tls: {ca_file: ca.pem}\n")
    assert loaded.warnings == (
        f"{tmp_path}/edgedet.yaml:6:3: mqtt.tls: has no effect with mqtt://; write mqtts:// in mqtt.url",
    )


def test_a_zone_for_a_label_that_is_not_looked_for_is_worth_a_warning(tmp_path: Path) -> None:
    text = CAMERA + "    detect: {labels: [car]}\n    zones: {z: {polygon: [[0, 0], [1, 0], [1, 1]], labels: [dog]}}\n"
    (warning,) = load(tmp_path, text).warnings
    assert "edgedet.yaml:6:61: cameras.porch.zones.z.labels[0]: 'dog' is not among the camera's detect" in warning


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://h", BrokerAddress("h", 1883, tls=False)),
        ("mqtts://h/", BrokerAddress("h", 8883, tls=True)),
        ("mqtt://[::1]:1", BrokerAddress("::1", 1, tls=False)),
        ("mqtt://a:b%40c@h", BrokerAddress("h", 1883, tls=False, username="a", password="b@c")),
    ],
)
def test_a_broker_url_is_read(url: str, address: BrokerAddress) -> None:
    assert parse_broker_url(url) == address


DOCUMENTED = """
version: 1
device: null
state_dir: null
mqtt:
  url: mqtt://localhost:1883
  username: null
  password_file: null
  tls: {ca_file: null, cert_file: null, key_file: null, insecure_skip_verify: false}
  topic_prefix: edgedet
  keepalive_s: 30
  stats_interval_s: 30
  spool: {mode: spill, max_events: 100000, max_mb: 64, max_age_h: 72}
  homeassistant: {enabled: true, prefix: homeassistant}
detector:
  model: auto
  accelerators: [edgetpu, cpu]
  deadline_s: 2.0
  load_deadline_s: 20.0
  reprobe_s: 30
  edgetpu: {library: libedgetpu.so.1, devices: all, options: {}}
  cpu: {threads: 1, instances: auto, max_fps: null}
  runtime: auto
  python: null
models:
  yolov8n:
    edgetpu: /var/lib/edgedet/models/yolov8n_320_full_integer_quant_edgetpu.tflite
    cpu: /var/lib/edgedet/models/yolov8n_320_full_integer_quant.tflite
    labels: null
cameras:
  porch:
    source: {type: picamera2, size: [1280, 720], fps: 15}
    detect:
      enabled: true
      fps: 5
      min_score: 0.5
      iou: 0.7
      labels: null
      objects:
        person: {min_score: 0.6, min_area: 0.0, max_area: 1.0, min_ratio: 0.0, max_ratio: 100.0}
      motion: {enabled: false, idle_fps: 1}
    publish: {detections: nonempty, max_hz: null}
    zones:
      drive: {polygon: [[0.1, 0.4], [0.9, 0.4], [0.9, 1.0], [0.1, 1.0]], labels: [person, car],
              dwell_s: 0.0, inertia_s: 0.5}
    lines:
      gate: {from: [0.2, 0.9], to: [0.8, 0.9], labels: [person]}
    stationary: {after_s: 10}
    snapshots: {enabled: false, boxes: true, crop: false, max_files: 1000, max_mb: 200, max_age_d: 14}
    masks: []
  file: {source: {type: video, path: clip.mp4, loop: true, realtime: true}}
  net: {source: {type: rtsp, url: "rtsp://host/stream", username: null, password_file: null}}
  usb: {source: {type: v4l2, device: /dev/video0}}
  pictures: {source: {type: images, path: folder/}}
  scene: {source: {type: synthetic, size: [640, 480], fps: 30}}
"""


def test_every_key_that_is_promised_to_users_is_accepted(tmp_path: Path) -> None:
    loaded = load(tmp_path, DOCUMENTED)
    assert loaded.warnings == ()
    kinds = [camera.source.type for camera in loaded.settings.cameras.values()]
    assert kinds == ["picamera2", "video", "rtsp", "v4l2", "images", "synthetic"]
    camera = loaded.settings.cameras["porch"]
    assert camera.zones["drive"].labels == ("person", "car")
    assert (camera.lines["gate"].start, camera.lines["gate"].end) == ((0.2, 0.9), (0.8, 0.9))


def test_a_password_in_the_url_of_a_camera_is_in_no_text_either(tmp_path: Path) -> None:
    text = "version: 1\ncameras: {a: {source: {type: rtsp, url: 'rtsp://me:hunter2@h/x'}}}\n"
    settings = load(tmp_path, text).settings
    assert "hunter2" not in repr(settings) + settings.model_dump_json()
    assert settings.model_dump()["cameras"]["a"]["source"]["url"] == "rtsp://***@h/x"


def test_a_source_whose_library_is_missing_is_told_so_and_only_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "edgedet.cameras.video", None)
    assert load(tmp_path, CAMERA).warnings == ()
    with pytest.raises(
        ConfigError, match=r"4:20: cameras.porch.source.type: the driver of 'video' cannot be loaded here"
    ):
        load(tmp_path, CAMERA.replace("picamera2", "video"))
