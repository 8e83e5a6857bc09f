"""What a wrong configuration is answered: file, line, column, key, what is wrong, what to do."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from edgedet.errors import ConfigError, ExitCode
from edgedet.settings import load_settings

CAMERA = "cameras:\n  porch:\n    source: {type: picamera2}\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 8)}]\n" for before, name in itertools.pairwise("abcdefgh")
)
DETECT = "cameras:\n  porch:\n    source: {type: picamera2}\n    detect:\n      "


def complaint(tmp_path: Path, text: str | bytes, **environment: str) -> list[str]:
    file = tmp_path / "e.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environment=environment)
    assert caught.value.exit_code == ExitCode.CONFIG
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # kinds of values
        (
            "mqtt: {keepalive_s: soon}\n" + CAMERA,
            "e.yaml:1:21: mqtt.keepalive_s: the text 'soon' does not belong here;",
        ),
        ("mqtt: {keepalive_s: 2.5}\n" + CAMERA, "e.yaml:1:21: mqtt.keepalive_s: 2.5 is no whole number; give a whole"),
        ('mqtt: {keepalive_s: "30"}\n' + CAMERA, "without quotes"),
        ("mqtt: 7\n" + CAMERA, "e.yaml:1:7: mqtt: 7 does not belong here; give a section"),
        ("mqtt: [a]\n" + CAMERA, "e.yaml:1:7: mqtt: a list does not belong here; give a section"),
        (
            DETECT + "enabled: yes\n",
            ("e.yaml:5:16: cameras.porch.detect.enabled: the text 'yes' does not belong here; give true or false"),
        ),
        (DETECT + "enabled: 1\n", "e.yaml:5:16: cameras.porch.detect.enabled: 1 does not belong here"),
        (
            DETECT + "labels: person\n",
            ("e.yaml:5:15: cameras.porch.detect.labels: the text 'person' does not belong here; give a list"),
        ),
        (DETECT + "labels: [person, 3]\n", "e.yaml:5:24: cameras.porch.detect.labels[1]: 3 does not belong here"),
        (DETECT + "fps:\n", "e.yaml:5:7: cameras.porch.detect.fps: null does not belong here; give a number"),
        # limits, with units
        (
            DETECT + "fps: 0\n",
            (
                "e.yaml:5:12: cameras.porch.detect.fps: 0 is too small; give a number (frames a second), "
                "above 0 and at most 240"
            ),
        ),
        (DETECT + "fps: 1000\n", "e.yaml:5:12: cameras.porch.detect.fps: 1000 is too large"),
        (DETECT + "fps: .nan\n", "e.yaml:5:12: cameras.porch.detect.fps: nan does not belong here"),
        (DETECT + "fps: .inf\n", "e.yaml:5:12: cameras.porch.detect.fps: inf does not belong here"),
        (DETECT + "min_score: 50\n", "e.yaml:5:18: cameras.porch.detect.min_score: 50 is too large"),
        (DETECT + "min_score: -0.1\n", "e.yaml:5:18: cameras.porch.detect.min_score: -0.1 is too small"),
        (
            DETECT + "objects: {dog: {min_score: 2}}\n",
            ("e.yaml:5:34: cameras.porch.detect.objects.dog.min_score: 2 is too large"),
        ),
        (
            DETECT + "objects: {dog: {min_area: 0.5, max_area: 0.2}}\n",
            ("e.yaml:5:33: cameras.porch.detect.objects.dog.min_area: 0.5 is above max_area, 0.2"),
        ),
        (
            DETECT + "objects: {dog: {min_ratio: 3, max_ratio: 2}}\n",
            ("cameras.porch.detect.objects.dog.min_ratio: 3.0 is above max_ratio"),
        ),
        (
            DETECT + "labels: [car]\n      objects: {dog: {}}\n",
            ("e.yaml:6:16: cameras.porch.detect.objects: 'dog' is not among detect.labels"),
        ),
        (DETECT + "objects: {all: {}}\n", "e.yaml:5:17: cameras.porch.detect.objects.all: 'all' is reserved"),
        (
            "detector: {accelerators: [edgetpu, cup]}\n" + CAMERA,
            (
                "e.yaml:1:36: detector.accelerators[1]: the text 'cup' "
                "is not known here; did you mean cpu? Give edgetpu or cpu"
            ),
        ),
        ("detector: {accelerators: []}\n" + CAMERA, "e.yaml:1:26: detector.accelerators: 0 values here; give a list"),
        (
            "detector: {accelerators: [cpu, cpu]}\n" + CAMERA,
            ("e.yaml:1:26: detector.accelerators: one accelerator stands here twice"),
        ),
        (
            "detector: {cpu: {instances: many}}\n" + CAMERA,
            (
                "e.yaml:1:29: detector.cpu.instances: the text 'many' is not "
                "known here; give auto, or a whole number (interpreters), at least 1 and at most 64"
            ),
        ),
        ("detector: {cpu: {instances: 0}}\n" + CAMERA, "e.yaml:1:29: detector.cpu.instances: 0 is too small"),
        (
            "detector: {edgetpu: {devices: [usb]}}\n" + CAMERA,
            ("e.yaml:1:32: detector.edgetpu.devices[0]: the text 'usb' is none; write usb:0 or pci:0"),
        ),
        ("detector: {edgetpu: {devices: []}}\n" + CAMERA, "e.yaml:1:31: detector.edgetpu.devices: an empty list"),
        (
            "detector: {edgetpu: {options: {a: 1}}}\n" + CAMERA,
            "e.yaml:1:35: detector.edgetpu.options.a: 1 does not belong",
        ),
        (
            "models: {n: {labels: l.txt}}\n" + CAMERA,
            "e.yaml:1:13: models.n: the model has no file; give cpu, edgetpu, or",
        ),
        ("models: {auto: {cpu: m.tflite}}\n" + CAMERA, "e.yaml:1:10: models.auto: 'auto' is no name of a model"),
        # the broker
        (
            "mqtt: {url: localhost}\n" + CAMERA,
            "e.yaml:1:13: mqtt.url: 'localhost' is no URL of a broker; write mqtt://",
        ),
        ("mqtt: {url: 'http://h'}\n" + CAMERA, "e.yaml:1:13: mqtt.url: 'http://h' is no URL of a broker"),
        ("mqtt: {url: 'mqtt://h:99999'}\n" + CAMERA, "e.yaml:1:13: mqtt.url: 'mqtt://h:99999' is no URL of a broker"),
        ("mqtt: {url: 'mqtt://:1883'}\n" + CAMERA, "names no host"),
        ("mqtt: {url: 'mqtt://h/path'}\n" + CAMERA, "more than a host and a port"),
        ("mqtt: {url: 5}\n" + CAMERA, "e.yaml:1:13: mqtt.url: this is no URL of a broker"),
        ("mqtt: {topic_prefix: a/#}\n" + CAMERA, "e.yaml:1:22: mqtt.topic_prefix: 'a/#' cannot begin a topic"),
        ("mqtt: {topic_prefix: /a}\n" + CAMERA, "cannot begin a topic"),
        ("mqtt: {tls: {key_file: k.pem}}\n" + CAMERA, "e.yaml:1:24: mqtt.tls.key_file: a key without its certificate"),
        (
            "mqtt: {url: 'mqtt://a@h', username: b}\n" + CAMERA,
            "e.yaml:1:37: mqtt.username: the URL names a user already",
        ),
        ("mqtt: {spool: {mode: on}}\n" + CAMERA, "e.yaml:1:22: mqtt.spool.mode: the text 'on' is not known here"),
        # unknown, reserved and missing keys
        ("mqtt: {keepalive: 3}\n" + CAMERA, "e.yaml:1:8: mqtt.keepalive: unknown key; did you mean keepalive_s?"),
        ("mqtt: {zzz: 3}\n" + CAMERA, "e.yaml:1:8: mqtt.zzz: unknown key; the keys here are url, username,"),
        ("camera: {}\n" + CAMERA, "e.yaml:1:1: camera: unknown key; did you mean cameras?"),
        (
            DETECT + "min-score: 0.3\n",
            "e.yaml:5:7: cameras.porch.detect.min-score: unknown key; did you mean min_score?",
        ),
        ("web: {}\n" + CAMERA, "e.yaml:1:1: web: this key is reserved for a later feature; remove it"),
        ("log: {}\n" + CAMERA, "e.yaml:1:1: log: this key is reserved"),
        (CAMERA + "    record: {}\n", "e.yaml:4:5: cameras.porch.record: this key is reserved"),
        (CAMERA + "    stream: {}\n", "e.yaml:4:5: cameras.porch.stream: this key is reserved"),
        (CAMERA + "    regions: {}\n", "e.yaml:4:5: cameras.porch.regions: this key is reserved"),
        ("cameras:\n  porch: {}\n", "e.yaml:2:3: cameras.porch.source: the camera has no source"),
        ("cameras:\n  porch:\n", "e.yaml:2:3: cameras.porch.source: the camera has no source"),
        ("cameras:\n  porch:\n    source:\n", "e.yaml:3:5: cameras.porch.source: a source is a section"),
        ("version: 1\n", "e.yaml:1:1: cameras: no camera is configured; add one"),
        ("version: 1\ncameras:\n", "e.yaml:2:1: cameras: no camera is configured; add one"),
        ("version: 1\ncameras: {}\n", "e.yaml:2:10: cameras: no camera is configured; add one"),
        ("version: 2\n" + CAMERA, "e.yaml:1:10: version: this edgedet reads version 1"),
        ("version: '1'\n" + CAMERA, "e.yaml:1:10: version: the text '1' is not known here; give 1, without quotes"),
        ("version: true\n" + CAMERA, "e.yaml:1:10: version: true and false are no versions"),
        # names
        (
            "device: Front Door\n" + CAMERA,
            ("e.yaml:1:9: device: 'Front Door' is no name; use 1 to 32 of a-z, 0-9, - and _, such as 'front-door'"),
        ),
        ("device: health\n" + CAMERA, "e.yaml:1:9: device: 'health' is reserved"),
        ("cameras:\n  Porch: {source: {type: picamera2}}\n", "e.yaml:2:3: cameras.Porch: 'Porch' is no name"),
        ("cameras:\n  cmd: {source: {type: picamera2}}\n", "e.yaml:2:3: cameras.cmd: 'cmd' is reserved"),
        ("cameras:\n  " + "a" * 33 + ": {source: {type: picamera2}}\n", "e.yaml:2:3: cameras." + "a" * 33),
        (
            CAMERA + "    zones: {all: {polygon: [[0, 0], [1, 0], [1, 1]]}}\n",
            "e.yaml:4:13: cameras.porch.zones.all: 'all' is",
        ),
        # sources
        ("cameras: {a: {source: {type: rstp}}}\n", "e.yaml:1:30: cameras.a.source.type: 'rstp' is no type of source;"),
        ("cameras: {a: {source: {type: picamra2}}}\n", "did you mean picamera2? The names are "),
        ("cameras: {a: {source: {type: 7}}}\n", "e.yaml:1:30: cameras.a.source.type: the type of a source is a name"),
        ("cameras: {a: {source: {fps: 7}}}\n", "e.yaml:1:23: cameras.a.source: the source has no type; add one of "),
        ("cameras: {a: {source: clip.mp4}}\n", "e.yaml:1:23: cameras.a.source: a source is a section"),
        (
            "cameras: {a: {source: {type: picamera2, fsp: 7}}}\n",
            ("e.yaml:1:41: cameras.a.source.fsp: unknown key; did you mean fps?"),
        ),
        (
            "cameras: {a: {source: {type: picamera2, fps: fast}}}\n",
            ("e.yaml:1:46: cameras.a.source.fps: the text 'fast' does not belong here; give a number"),
        ),
        ("cameras: {a: {source: {type: picamera2, fps: 0}}}\n", "e.yaml:1:46: cameras.a.source.fps: 0 is out of range"),
        (
            "cameras: {a: {source: {type: picamera2, size: [1, 2, 3]}}}\n",
            ("e.yaml:1:47: cameras.a.source.size: 3 values here; give a list of 2"),
        ),
        (
            "cameras: {a: {source: {type: picamera2, rotation: 90}}}\n",
            ("e.yaml:1:51: cameras.a.source.rotation: 90 does not belong here; give 0 or 180"),
        ),
        ("cameras: {a: {source: {type: synthetic, fps: 0}}}\n", "e.yaml:1:46: cameras.a.source.fps: 0 is out of range"),
        (
            "cameras: {a: {source: {type: synthetic, size: [1, 1]}}}\n",
            "e.yaml:1:47: cameras.a.source.size: [1, 1] is no size; give width and height in pixels, 32 to 4096 each",
        ),
        ("cameras: {a: {source: {type: video, path: ''}}}\n", "e.yaml:1:43: cameras.a.source.path: an empty path"),
        (
            "cameras: {a: {source: {type: video, path: clips/}}}\n",
            "e.yaml:1:43: cameras.a.source.path: clips/ is a folder, not a video; folders are of type: images",
        ),
        ("cameras: {a: {source: {type: images, path: ''}}}\n", "e.yaml:1:44: cameras.a.source.path: an empty path"),
        ("cameras: {a: {source: {type: v4l2, device: ''}}}\n", "e.yaml:1:44: cameras.a.source.device: an empty name"),
        (
            "cameras: {a: {source: {type: rtsp, url: 'rtsp://h/s', password_file: ''}}}\n",
            "e.yaml:1:70: cameras.a.source.password_file: an empty path; write null where none is meant",
        ),
        # zones, lines, masks
        (
            CAMERA + "    masks: [[[0, 0], [1, 1], [1, 0], [0, 1]]]\n",
            ("e.yaml:4:13: cameras.porch.masks[0]: the polygon crosses or touches itself at [0.5, 0.5]"),
        ),
        (
            CAMERA + "    masks: [[[0, 0], [1, 1]]]\n",
            "e.yaml:4:13: cameras.porch.masks[0]: 2 different points make no polygon",
        ),
        (CAMERA + "    masks: [[[0, 0], [1, 1], [0, 0]]]\n", "2 different points make no polygon"),
        (CAMERA + "    masks: [[[0, 0], [0.5, 0.5], [1, 1]]]\n", "e.yaml:4:13: cameras.porch.masks[0]: the polygon"),
        (
            CAMERA + "    masks: [[[0, 0], [0, 320], [320, 320]]]\n",
            (
                "e.yaml:4:26: cameras.porch.masks[0][1][1]: 320 is too "
                "large; give a number (a fraction of the picture), at least 0 and at most 1"
            ),
        ),
        (
            CAMERA + "    masks: [[[0, 0], [0], [1, 1]]]\n",
            ("e.yaml:4:22: cameras.porch.masks[0][1]: 1 value here; give a list of 2"),
        ),
        (CAMERA + "    zones: {drive: {}}\n", "e.yaml:4:13: cameras.porch.zones.drive.polygon: this key is missing"),
        (
            CAMERA + "    lines: {gate: {from: [0, 0], to: [0, 0.0]}}\n",
            ("e.yaml:4:38: cameras.porch.lines.gate.to: the line ends where it begins"),
        ),
        (
            CAMERA + "    lines: {gate: {from: [0, 0]}}\n",
            "e.yaml:4:13: cameras.porch.lines.gate.to: this key is missing",
        ),
        (
            CAMERA + "    lines: {gate: {start: [0, 0], to: [0, 1]}}\n",
            ("e.yaml:4:20: cameras.porch.lines.gate.start: unknown key"),
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in complaint(tmp_path, text)), complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt:\n\turl: x\n", "e.yaml:2:1: a tab; YAML is indented with spaces"),
        ("a: 1\na: 2\n", "e.yaml:2:1: a: this key stands in line 1 already; keep one of the two"),
        (
            CAMERA + "    detect: {fps: 1}\n    detect: {fps: 2}\n",
            ("e.yaml:5:5: cameras.porch.detect: this key stands in line 4 already"),
        ),
        ("a: b: c\n", "e.yaml:1:5: a second `: ` in one line; put the value in quotes"),
        ("a: @x\n", "e.yaml:1:4: found character '@' that cannot start any token; put the value in quotes"),
        ("a: [1, 2\nb: 3\n", "e.yaml:2:2: this is no YAML: expected ',' or ']'"),
        ("a: 'x\n", "this is no YAML: found unexpected end of stream"),
        ("a: *nobody\n", "e.yaml:1:4: found undefined alias 'nobody'; define it above with &"),
        ("a: 1\n---\nb: 2\n", "e.yaml:2:1: a second document begins here"),
        ("a: !!python/object:os.system x\n", "e.yaml:1:4: a: the tag tag:yaml.org,2002:python/object:os.system is not"),
        ("a: !secret x\n", "e.yaml:1:4: a: the tag !secret is not known; remove it"),
        ("? [a, b]\n: 1\n", "e.yaml:1:3: a key that is no plain text"),
        ("- a\n- b\n", "e.yaml:1:1: the file holds no `key: value` lines"),
        ("just text\n", "e.yaml:1:1: the file holds no `key: value` lines"),
        ("", "e.yaml:1:1: cameras: no camera is configured"),
        ("# nothing\n", "e.yaml:1:1: cameras: no camera is configured"),
        ("mqtt:\n  username: \x07\n", "e.yaml:2:13: character U+0007 cannot stand in YAML; remove it"),
        (b"mqtt:\n  username: J\xfcrgen\n", "e.yaml:2:14: byte 0xfc is not UTF-8; save the file as UTF-8"),
        ("version: 1\n".encode("utf-16"), "e.yaml:1:1: byte 0xff is not UTF-8"),
        ('a: "\\ud800"\n', "e.yaml:1:4: a: holds a character that is no text"),
        ('a: "\\0"\n', "e.yaml:1:4: a: holds a character that is no text"),
        ("[" * 5000, "e.yaml:1:1: nested deeper than 32 levels"),
        ("a: " + "[" * 40 + "]" * 40 + "\n", "grows without end through its aliases or levels"),
        ("a: &a [*a]\n", "grows without end through its aliases or levels"),
        (BOMB, "grows without end through its aliases or levels"),
        ("a: &a {<<: *a}\n", "merges something that is no section"),
        ("x" * 300_000, "e.yaml:1:1: larger than 256 KiB"),
    ],
)
def test_what_is_no_proper_yaml_is_told_at_its_place(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert any(expected in line for line in complaint(tmp_path, text)), complaint(tmp_path, text)


def test_every_mistake_is_listed_in_the_order_of_the_file(tmp_path: Path) -> None:
    lines = complaint(tmp_path, "mqtt:\n  keepalive_s: no\n  ulr: x\nlog: 1\ndevice: ${NOT_SET}\n" + CAMERA)
    assert [line.split(" ")[0] for line in lines] == ["e.yaml:2:16:", "e.yaml:3:3:", "e.yaml:4:1:", "e.yaml:5:9:"]


def test_of_many_mistakes_ten_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    lines = complaint(tmp_path, "".join(f"key{n}: 1\n" for n in range(30)) + CAMERA)
    assert len(lines) == 11
    assert lines[-1] == "and 20 more"


def test_a_missing_file_is_a_wrong_configuration_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such configuration file\nname one with -c FILE"):
        load_settings(tmp_path / "none.yaml")


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}: a folder is no configuration\nname the YAML file"):
        load_settings(tmp_path)


def test_an_empty_name_is_not_told_as_a_dot() -> None:
    with pytest.raises(ConfigError, match=r"^an empty name \(or the current folder\) is no configuration"):
        load_settings(Path())


def test_an_unset_variable_is_told_at_its_own_column(tmp_path: Path) -> None:
    assert complaint(tmp_path, "mqtt: {url: 'mqtt://${HOST}:1'}\n" + CAMERA) == [
        "e.yaml:1:21: mqtt.url: the environment has no variable HOST; set it (in a unit: Environment=), or write $${"
    ]


@pytest.mark.parametrize("text", ["mqtt://${", "mqtt://${}", "mqtt://${A-B}", "mqtt://${A"])
def test_a_variable_that_is_written_wrongly_is_told(tmp_path: Path, text: str) -> None:
    assert (
        "e.yaml:1:21: mqtt.url: `${` begins the name" in complaint(tmp_path, f"mqtt: {{url: '{text}'}}\n" + CAMERA)[0]
    )


def test_a_bare_variable_inside_braces_is_told_to_need_quotes(tmp_path: Path) -> None:
    lines = complaint(tmp_path, "detector: {cpu: {threads: ${N}}}\n" + CAMERA, N="2")
    assert lines == ['e.yaml:1:28: inside [ ] and { } a variable needs quotes: "${NAME}"']


def test_what_came_from_the_environment_is_never_printed(tmp_path: Path) -> None:
    text = "mqtt:\n  url: ${URL}\n  topic_prefix: ${TOPIC}\n  keepalive_s: ${TOPIC}\n" + CAMERA
    lines = complaint(tmp_path, text, URL="hunter2hunter2", TOPIC="#s3cret")
    assert len(lines) == 3
    assert not any("hunter2" in line or "s3cret" in line for line in lines)
    assert "'${URL}' is no URL" in lines[0]


def test_a_password_in_a_url_is_never_printed(tmp_path: Path) -> None:
    lines = complaint(tmp_path, "mqtt: {url: 'mqtt://me:hunter2@h:99999'}\n" + CAMERA)
    assert "mqtt://***@h:99999" in lines[0]
    assert "hunter2" not in lines[0]
