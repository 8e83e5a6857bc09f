"""What is known of every part while the daemon runs, and the telling of it: `health` and each camera's `state`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from edgedet.clock import Clock
from edgedet.health import (
    CameraFacts,
    CameraState,
    Code,
    DetectorFacts,
    Facts,
    Health,
    HealthReport,
    Reason,
    reduce,
)
from edgedet.service.journal import Kind, fields

if TYPE_CHECKING:
    from edgedet.app.asked_labels import Lacking

_log = logging.getLogger(__name__)

_LONGEST_TURN_S = 5.0

Tell = Callable[[str, CameraState], None]


class StatusBoard:
    """Facts come in as they are learnt; camera states go out at once, health when it may (see `HealthReport`)."""

    def __init__(
        self,
        cameras: Mapping[str, CameraFacts],
        clock: Clock,
        publish_health: Callable[[Health], None],
        publish_state: Tell,
    ) -> None:
        self._facts = Facts(DetectorFacts(), dict(cameras))
        self._clock = clock
        self._publish_health = publish_health
        self._publish_state = publish_state
        self._report = HealthReport()
        self._told: dict[str, CameraState] = {}
        self._said: tuple[Reason, ...] = ()
        self._others: dict[str, tuple[Reason, ...]] = {}
        self._changed = asyncio.Event()

    @property
    def health(self) -> Health:
        """As it is now, whether told or not yet."""
        return reduce(self._facts, self._clock.stamp().ts)

    def detector(self, detector: DetectorFacts) -> None:
        """The accelerator side has changed."""
        self._learn(replace(self._facts, detector=detector))

    def camera(self, name: str, camera: CameraFacts) -> None:
        """A camera has changed."""
        self._learn(replace(self._facts, cameras={**self._facts.cameras, name: camera}))

    def forget_camera(self, name: str) -> None:
        """A camera is not configured any more."""
        self._told.pop(name, None)
        cameras = {other: fact for other, fact in self._facts.cameras.items() if other != name}
        self._learn(replace(self._facts, cameras=cameras))

    def broker(self, reason: Reason | None) -> None:
        """The broker has come or gone."""
        self._learn(replace(self._facts, broker=reason))

    def about(self, part: str, *reasons: Reason) -> None:
        """What is not well with any other part, the spool or the machine; none: all is well with it."""
        self._others[part] = reasons
        self._learn(replace(self._facts, system=self._system()))

    def asked_in_vain(self, lacking: Lacking) -> None:
        """What the cameras ask for and the model at work does not have; none: it has all of it."""
        self._others["labels"] = lacking.reasons
        self._learn(replace(self._facts, at_best=lacking.at_best, system=self._system()))

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Publish health whenever it has changed and may be told. `beat` is called at every turn, every 5 s or more."""
        while True:
            beat()
            stamp = self._clock.stamp()
            health = self._report.offer(self._facts, stamp.mono_ns, stamp.ts)
            if health is not None:
                self._publish_health(health)
            due_ns = self._report.due_ns
            left_s = _LONGEST_TURN_S if due_ns is None else (due_ns - self._clock.stamp().mono_ns) / 1e9
            delay_s = min(_LONGEST_TURN_S, max(0.0, left_s))
            try:
                async with asyncio.timeout(delay_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()

    def _system(self) -> tuple[Reason, ...]:
        return tuple(reason for part in self._others.values() for reason in part)

    def _learn(self, facts: Facts) -> None:
        if facts == self._facts:
            return
        self._facts = facts
        health = self.health
        for name, camera in health.cameras.items():
            if self._told.get(name) is not camera.state:
                self._told[name] = camera.state
                self._publish_state(name, camera.state)
        self._say(health)
        self._changed.set()

    def _say(self, health: Health) -> None:
        """Each reason once into the log, when it appears and when it has gone; what holds comes last."""
        holding = {_about(reason) for reason in health.reasons}
        for about, reason in {_about(reason): reason for reason in self._said}.items():
            if about not in holding:
                over = self._fields(Kind.TROUBLE_OVER, reason)
                _log.info("%s: %s is over", reason.component, reason.code, extra=over)
        for reason in health.reasons:
            if reason not in self._said:
                level = logging.INFO if reason.code == Code.STARTING else logging.WARNING
                trouble = self._fields(Kind.TROUBLE, reason)
                _log.log(level, "%s: %s: %s", reason.component, reason.code, reason.message, extra=trouble)
        self._said = health.reasons

    def _fields(self, kind: Kind, reason: Reason) -> dict[str, object]:
        camera = reason.component if reason.component in self._facts.cameras else None
        return fields(kind, camera=camera, component=reason.component, code=reason.code)


def _about(reason: Reason) -> tuple[str, str]:
    """What is over when it has gone: with another message it is the same trouble still."""
    return reason.component, reason.code
