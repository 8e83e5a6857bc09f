"""The configuration: one YAML file, strict, every error with file, line, column and key.

    loaded = load_settings(Path("edgedet.yaml"))
    loaded.settings.cameras["porch"].detect.fps

`schema` has the keys, their defaults, units and limits; `document` reads YAML with the places of everything in it;
`complaints` words the errors. Names are resolved on first use: pydantic and YAML cost a fifth of a second, which
`edgedet detect` without a configuration does not pay.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedet.settings.broker import BrokerAddress, parse_broker_url
    from edgedet.settings.camera import CameraSettings, DetectSettings
    from edgedet.settings.default_file import DEFAULT_PATH
    from edgedet.settings.defaults import device_name, machine_identifier, mqtt_password, state_dir
    from edgedet.settings.loader import Loaded, load_settings, migrate
    from edgedet.settings.model_choice import ModelChoice, choice_of_path, resolve_model
    from edgedet.settings.schema import DetectorSettings, MqttSettings, Settings

_HOMES = {
    "BrokerAddress": "broker",
    "parse_broker_url": "broker",
    "CameraSettings": "camera",
    "DetectSettings": "camera",
    "DEFAULT_PATH": "default_file",
    "device_name": "defaults",
    "machine_identifier": "defaults",
    "mqtt_password": "defaults",
    "state_dir": "defaults",
    "Loaded": "loader",
    "load_settings": "loader",
    "migrate": "loader",
    "ModelChoice": "model_choice",
    "choice_of_path": "model_choice",
    "resolve_model": "model_choice",
    "DetectorSettings": "schema",
    "MqttSettings": "schema",
    "Settings": "schema",
}

__all__ = [  # noqa: RUF022 - as in _HOMES, by the file that they live in
    "BrokerAddress",
    "parse_broker_url",
    "CameraSettings",
    "DetectSettings",
    "DEFAULT_PATH",
    "device_name",
    "machine_identifier",
    "mqtt_password",
    "state_dir",
    "Loaded",
    "load_settings",
    "migrate",
    "ModelChoice",
    "choice_of_path",
    "resolve_model",
    "DetectorSettings",
    "MqttSettings",
    "Settings",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
