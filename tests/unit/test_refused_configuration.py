"""What comes of a configuration that cannot be taken, at a start and at SIGHUP: entries that can be asked for."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgedet.app.daemon import Daemon
from edgedet.cli.run import _reloading_on_hangup, command
from edgedet.errors import ConfigError
from edgedet.health import Code, Reason
from edgedet.service.journal import Kind

MISTAKE = KeyError("a mistake of ours")
REFUSED = {"kind": Kind.REFUSED, "camera": None, "component": "configuration", "code": Code.CONFIG_REJECTED}


class Reloaded:
    """As much of a daemon as takes configurations; `outcomes` come of them, one after the other."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes = list(outcomes)
        self.board = SimpleNamespace(about=self._about)
        self.told: list[tuple[Reason, ...]] = []
        self._heard = asyncio.Event()

    async def reload(self, _loaded: object) -> None:
        outcome = self._outcomes.pop(0)
        if outcome is not None:
            raise outcome

    async def hang_up(self) -> tuple[Reason, ...]:
        """Send SIGHUP; what is not well with the configuration then."""
        self._heard.clear()
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(20):
            await self._heard.wait()
        return self.told[-1]

    def _about(self, part: str, *reasons: Reason) -> None:
        assert part == "configuration"
        self.told.append(reasons)
        self._heard.set()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "edgedet.yaml"
    file.write_text("version: 1\ncameras: {porch: {source: {type: synthetic}}}\n")
    return file


def test_a_start_that_is_refused_has_the_code_in_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgedet.cli.run.goes_to_journal", lambda _stream: True)
    file = tmp_path / "edgedet.yaml"
    file.write_text("version: 1\ncameras: {porch: {source: {type: synthetic}, colour: blue}}\n")
    assert command.main(["--config", str(file)], standalone_mode=False) == 78
    (entry,) = caplog.records
    assert f"{file}:2:" in entry.getMessage()
    assert entry.__dict__["edgedet"] == REFUSED


@pytest.mark.parametrize("outcome", [ConfigError("edgedet.yaml:2:5: wrong"), MISTAKE])
async def test_a_configuration_that_cannot_be_taken_is_told_and_the_next_one_is_taken(
    outcome: Exception, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    daemon = Reloaded(outcome, None)
    with caplog.at_level(logging.INFO), _reloading_on_hangup(cast("Daemon", daemon), config):
        (reason,) = await daemon.hang_up()
        (entry,) = caplog.records
        about: dict[str, Any] = entry.__dict__
        assert about["edgedet"] == REFUSED
        assert (entry.exc_info is not None) == (outcome is MISTAKE)
        assert (reason.component, reason.code) == ("configuration", Code.CONFIG_REJECTED)
        assert await daemon.hang_up() == ()
