"""The configuration, key for key. Defaults, units and limits are here and nowhere else.

Attribute docstrings are what `edgedet schema config` shows as descriptions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from edgedet.settings.broker import BrokerAddress, parse_broker_url
from edgedet.settings.camera import CameraSettings
from edgedet.settings.model_choice import is_path
from edgedet.settings.names import check_topic
from edgedet.settings.section import ConfigPath, Name, Section, anchor, quantity, wrong_at

VERSION = 1


def _broker(value: Any) -> BrokerAddress:
    if isinstance(value, BrokerAddress):
        return value
    if not isinstance(value, str):
        raise ValueError("this is no URL of a broker; write mqtt://host:1883, or mqtts://host:8883 for TLS")
    return parse_broker_url(value)


BrokerUrl = Annotated[
    BrokerAddress,
    PlainValidator(_broker),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^mqtts?://"}),
]
Topic = Annotated[str, AfterValidator(check_topic)]


class TlsSettings(Section):
    """For `mqtts://` only."""

    ca_file: ConfigPath | None = None
    """Certificates that the broker's is checked against, PEM; null: the system's."""
    cert_file: ConfigPath | None = None
    """This device's own certificate, PEM; null: none."""
    key_file: ConfigPath | None = None
    """The key of `cert_file`, PEM; null: it is in the same file."""
    insecure_skip_verify: bool = False
    """Take any certificate: whoever answers is believed to be the broker."""

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> TlsSettings:
        if self.key_file and not self.cert_file:
            raise wrong_at("key_file", "a key without its certificate; give cert_file too")
        return self


class SpoolSettings(Section):
    """Events that wait for the broker, on disk."""

    mode: Literal["spill", "strict", "off"] = "spill"
    """`spill`: on disk only while the broker is away; `strict`: every event, before it is sent; `off`: never."""
    max_events: int = quantity(100_000, "events", ge=1, le=10_000_000)
    """The oldest go first, and a `gap` event tells of it."""
    max_mb: float = quantity(64.0, "MB", ge=1.0, le=100_000.0)
    """Size on disk. Megabytes."""
    max_age_h: float = quantity(72.0, "hours", gt=0.0, le=87_600.0)
    """Older events are not sent any more. Hours."""


class HomeAssistantSettings(Section):
    """Entities in Home Assistant, by MQTT discovery."""

    enabled: bool = True
    """Whether entities are made."""
    prefix: Topic = "homeassistant"
    """Home Assistant's discovery prefix."""


class MqttSettings(Section):
    """The broker, and what is said to it besides detections."""

    url: BrokerUrl = BrokerAddress("localhost", 1883, tls=False)
    """`mqtt://host:1883`, or `mqtts://host:8883` for TLS."""
    username: Annotated[str, Field(min_length=1)] | None = None
    """As the broker knows this device; null: it asks for none."""
    password_file: ConfigPath | None = None
    """File whose first line is the password; or the systemd credential `mqtt-password`, or EDGEDET_MQTT_PASSWORD."""
    tls: TlsSettings = TlsSettings()
    topic_prefix: Topic = "edgedet"
    """First level of every topic; the next is the device."""
    keepalive_s: int = quantity(30, "seconds", ge=1, le=65_535)
    """The broker takes the device for gone after one and a half times as long without a sign."""
    stats_interval_s: float = quantity(30.0, "seconds", ge=1.0, le=86_400.0)
    """How often `stats` is published."""
    spool: SpoolSettings = SpoolSettings()
    homeassistant: HomeAssistantSettings = HomeAssistantSettings()

    @model_validator(mode="after")
    def _one_user(self) -> MqttSettings:
        if self.username and self.url.username:
            raise wrong_at("username", "the URL names a user already; keep one of the two")
        if self.password_file and self.url.password:
            raise wrong_at("password_file", "the URL holds a password already; keep the file")
        return self


class EdgeTpuSettings(Section):
    """Coral Edge TPUs."""

    library: Annotated[str, Field(min_length=1)] = "libedgetpu.so.1"
    """Name or path of the Edge TPU's library."""
    devices: Literal["all"] | tuple[Annotated[str, Field(pattern=r"^(usb|pci):\d{1,2}$")], ...] = "all"
    """`all`, or a list such as `[usb:0, pci:0]`."""
    options: dict[str, str] = Field(default_factory=dict)
    """Options that are handed to the library's delegate, as text."""
    reset: Literal["off", "authorized", "uhubctl"] = "off"
    """What root's reset helper may do to a USB one that keeps failing: authorized has the kernel take it anew, uhubctl
    also switches its port's power. A port may share its power with others.
    """

    @model_validator(mode="after")
    def _some_device(self) -> EdgeTpuSettings:
        if not self.devices:
            raise wrong_at("devices", "an empty list; write all, or leave edgetpu out of detector.accelerators")
        if len(set(self.devices)) < len(self.devices) and self.devices != "all":
            raise wrong_at("devices", "one device stands here twice; name each once")
        return self


class CpuSettings(Section):
    """Inference on the CPU."""

    threads: int = quantity(1, "threads", ge=1, le=64)
    """Threads of each interpreter."""
    instances: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = quantity("auto", "interpreters")
    """Interpreters side by side; frames still come out in order. auto: cores - 1 (`detect` and `bench`: all cores)."""
    max_fps: float | None = quantity(None, "frames a second", gt=0.0, le=1000.0)
    """All cameras together, so that the CPU keeps cool; null: no limit."""


def _name_or_path(model: str, info: ValidationInfo) -> str:
    return str(anchor(Path(model), info)) if is_path(model) else model


class DetectorSettings(Section):
    """The model and what runs it."""

    model: Annotated[str, Field(min_length=1), AfterValidator(_name_or_path)] = "auto"
    """A name from `models:`, `models pull` or `models add`, or a path. auto: the only one of those."""
    accelerators: Annotated[tuple[Literal["edgetpu", "cpu"], ...], Field(min_length=1)] = ("edgetpu", "cpu")
    """In order of preference."""
    deadline_s: float = quantity(2.0, "seconds", ge=0.05, le=600.0)
    """An inference that takes longer than this, and than ten times the median at warm-up, is a hang."""
    load_deadline_s: float = quantity(20.0, "seconds", ge=1.0, le=600.0)
    """Loading a model that takes longer is a hang."""
    reprobe_s: float = quantity(30.0, "seconds", ge=1.0, le=86_400.0)
    """How often an absent Edge TPU is looked for; one that keeps failing is tried more rarely, up to 10 minutes."""
    edgetpu: EdgeTpuSettings = EdgeTpuSettings()
    cpu: CpuSettings = CpuSettings()
    runtime: Literal["auto", "litert", "tflite_runtime", "pycoral"] = "auto"
    """Library that runs the model; auto: the first of these that is installed."""
    python: ConfigPath | None = None
    """Interpreter of the detector's process; null: edgedet's own."""

    @model_validator(mode="after")
    def _each_once(self) -> DetectorSettings:
        if len(set(self.accelerators)) < len(self.accelerators):
            raise wrong_at("accelerators", "one accelerator stands here twice; name each once, the preferred first")
        return self


class ModelFiles(Section):
    """One model: the same network, compiled for the Edge TPU and not."""

    edgetpu: ConfigPath | None = None
    """The .tflite that edgetpu_compiler made; null: the `_edgetpu` twin beside `cpu`, where there is one."""
    cpu: ConfigPath | None = None
    """The plain .tflite; null: the twin beside `edgetpu`, where there is one."""
    labels: ConfigPath | None = None
    """Text file with one name a line; null: the names embedded in the model."""

    @model_validator(mode="after")
    def _some_file(self) -> ModelFiles:
        if self.edgetpu is None and self.cpu is None:
            raise ValueError("the model has no file; give cpu, edgetpu, or both")
        return self


def _check_model_name(name: str) -> str:
    if name == "auto" or is_path(name) or not name.strip() or not name.isprintable():
        raise ValueError(f"{name[:40]!r} is no name of a model; use one like yolov8n, not auto and no path")
    return name


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no versions; give 1")
    return value


class Settings(Section):
    """The configuration of edgedet."""

    RESERVED: ClassVar[frozenset[str]] = frozenset({"web", "log"})

    version: Annotated[Literal[1], BeforeValidator(_no_boolean)] = 1
    """Version of this format."""
    device: Name | None = None
    """Topic level and identity; null: the host's name (with four hex digits of the machine id where it is generic)."""
    state_dir: ConfigPath | None = None
    """Models, spool, snapshots; null: $STATE_DIRECTORY, else /var/lib/edgedet as root, else the XDG state home."""
    mqtt: MqttSettings = MqttSettings()
    detector: DetectorSettings = DetectorSettings()
    models: dict[Annotated[str, AfterValidator(_check_model_name)], ModelFiles] = Field(default_factory=dict)
    """Model files of your own, by name."""
    cameras: dict[Name, CameraSettings] = Field(json_schema_extra={"minProperties": 1})
    """The cameras, by name; at least one."""

    @model_validator(mode="after")
    def _some_camera(self) -> Settings:
        if not self.cameras:
            raise wrong_at("cameras", NO_CAMERA)
        return self


NO_CAMERA = "no camera is configured; add one, such as porch: {source: {type: v4l2, device: /dev/video0}}"
