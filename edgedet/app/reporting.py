"""What the daemon says of itself over MQTT: health, states, settings, statistics, answers to commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedet.outputs.encoding import encode
from edgedet.outputs.messages import Publication

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgedet.app.overrides import Override
    from edgedet.clock import Clock
    from edgedet.health import CameraState, Health
    from edgedet.outputs.commands import Command
    from edgedet.outputs.topics import Topics
    from edgedet.settings import CameraSettings


class Reporter:
    """Puts each into its payload and onto its topic."""

    def __init__(self, device: str, topics: Topics, clock: Clock, send: Callable[[Publication], None]) -> None:
        self._device = device
        self._topics = topics
        self._clock = clock
        self._send = send

    def health(self, health: Health) -> None:
        """Is the device looking, and if not, why."""
        payload = encode(self._device, self._clock.stamp(), health.body())
        self._retain(self._topics.health, payload)

    def camera_state(self, camera: str, state: CameraState) -> None:
        """Is this camera looking."""
        self._retain(self._topics.camera_state(camera), str(state).encode())

    def camera_settings(self, name: str, camera: CameraSettings, override: Override) -> None:
        """What can be set by command, as it holds now."""
        detect = camera.detect
        enabled = detect.enabled if override.detect is None else override.detect
        min_score = detect.min_score if override.min_score is None else override.min_score
        self._retain(self._topics.setting(name, "detect"), b"ON" if enabled else b"OFF")
        self._retain(self._topics.setting(name, "min_score"), f"{min_score:g}".encode())

    def statistics(self, body: Mapping[str, object]) -> None:
        """The figures of the last interval."""
        self._send(Publication(self._topics.stats, encode(self._device, self._clock.stamp(), body)))

    def answer(self, command: Command, message: str, *, ok: bool) -> None:
        """What became of a command of the device's own."""
        body = {"id": command.id, "ok": ok, "message": message}
        payload = encode(self._device, self._clock.stamp(), body)
        self._send(Publication(self._topics.result(command.verb), payload, qos=1))

    def _retain(self, topic: str, payload: bytes) -> None:
        self._send(Publication(topic, payload, qos=1, retain=True))
