"""A real Home Assistant core as a child process, set up and asked as its own frontend does: over REST."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from homeassistant.environment import NoHomeAssistant, program

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

PATIENCE_S = 90.0
_CLIENT = "http://127.0.0.1/"

_CONFIGURATION = """\
homeassistant: {{name: test, latitude: 0, longitude: 0, elevation: 0, time_zone: UTC, unit_system: metric}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
frontend:
config:
api:
logger: {{default: warning}}
automation: !include automations.yaml
"""


class HomeAssistant:
    """One installation, which keeps its configuration over restarts."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._token = ""
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self._folder / "output.log").read_text()

    def start(self) -> None:
        try:
            hass = program()
        except NoHomeAssistant as reason:
            pytest.skip(str(reason))
        self._folder.mkdir(exist_ok=True)
        (self._folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self._port))
        if not (self._folder / "automations.yaml").exists():
            (self._folder / "automations.yaml").write_text("[]\n")
        with (self._folder / "output.log").open("ab") as stream:
            self._child = subprocess.Popen(
                [hass, "--config", self._folder, "--skip-pip"], stdout=stream, stderr=subprocess.STDOUT
            )
        self.until(self._answers, "it does not answer")
        if not self._token:
            self._token = self._onboard()
        self.until(lambda: self.get("config")["state"] == "RUNNING", "it does not get to run")

    def stop(self) -> None:
        child = self._running
        child.send_signal(signal.SIGTERM)
        child.wait(PATIENCE_S)
        self._child = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(PATIENCE_S)

    def use_broker(self, port: int) -> None:
        """Set the MQTT integration up, through the steps that a person sees."""
        step = self.post("config/config_entries/flow", {"handler": "mqtt"})
        done = self.post(f"config/config_entries/flow/{step['flow_id']}", {"broker": "127.0.0.1", "port": port})
        assert done["type"] == "create_entry", done

    def state(self, entity: str) -> str | None:
        """Of an entity; None where there is none."""
        return self.states().get(entity)

    def states(self) -> dict[str, str]:
        return {found["entity_id"]: found["state"] for found in self.get("states")}

    def attributes(self, entity: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"states/{entity}")["attributes"]
        return found

    def act(self, service: str, **data: Any) -> None:
        """Call a service, such as `switch/turn_on`."""
        self.post(f"services/{service}", data)

    def add_automation(self, name: str, trigger: dict[str, Any], action: dict[str, Any]) -> None:
        body = {"alias": name, "triggers": [trigger], "actions": [action]}
        self.post(f"config/automation/config/{name}", body)
        self.until(lambda: self.state(f"automation.{name}") == "on", f"the automation {name} is not on")

    def device_id(self, entity: str) -> str:
        """Of the device that an entity belongs to."""
        return self._ask("POST", "template", {"template": f"{{{{ device_id('{entity}') }}}}"}).decode()

    def get(self, path: str) -> Any:
        return json.loads(self._ask("GET", path))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return json.loads(self._ask("POST", path, body) or b"null")

    def fetch(self, url: str) -> bytes:
        """What a browser would get at a path of this installation."""
        return self._request("GET", url, None, {"Authorization": f"Bearer {self._token}"})

    def until(self, holds: Callable[[], bool], trouble: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            if self._running.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Home Assistant: {trouble}; its log ends with:\n{self.log[-4000:]}")
            time.sleep(0.1)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "start it first"
        return self._child

    def _answers(self) -> bool:
        try:
            self._request("GET", "/manifest.json", None, {})
        except OSError:
            return False
        return True

    def _onboard(self) -> str:
        owner = {"client_id": _CLIENT, "name": "Test", "username": "test", "password": "test-123", "language": "en"}
        code = json.loads(self._request("POST", "/api/onboarding/users", json.dumps(owner).encode(), {}))["auth_code"]
        form = urllib.parse.urlencode({"grant_type": "authorization_code", "code": code, "client_id": _CLIENT})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return str(json.loads(self._request("POST", "/auth/token", form.encode(), kind))["access_token"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return self._request(method, f"/api/{path}", None if body is None else json.dumps(body).encode(), headers)

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                if refusal.code in {401, 404, 503} and method == "GET":
                    raise
                pytest.fail(f"Home Assistant answered {path} with {refusal.code}: {refusal.read()[:500]!r}")
