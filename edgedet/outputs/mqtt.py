"""The MQTT output: everything that edgedet publishes goes through here, and nothing waits for it.

`send` puts a message where it belongs and returns. States (retained) are kept by topic: the newest counts, so what
piles up while the broker is away is bounded by the number of topics, and after every reconnect all of them are
published again, `online` last, when what it vouches for is there. QoS 0 leaves within the call or is dropped and
counted. Other QoS 1 messages wait in a bounded queue; the oldest go when it is full. Events come from their own
delivery (`edgedet.outputs.delivery`), one at a time as there is room, so that what waits is remembered in one place.

A task connects, waits for the end of the connection, and connects again. Acknowledgements drive the rest.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from edgedet.errors import BrokerError
from edgedet.outputs.commands import CommandIntake
from edgedet.outputs.event_lane import EventLane
from edgedet.outputs.messages import BrokerStatus, MqttStatistics, Will
from edgedet.outputs.opening import VERSIONS, open_link
from edgedet.outputs.outbox import Outbox
from edgedet.outputs.pace import Pace
from edgedet.outputs.standing import Standing, log_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

    from edgedet.outputs.commands import Command
    from edgedet.outputs.connection import Connection
    from edgedet.outputs.delivery import EventDelivery
    from edgedet.outputs.link import Link
    from edgedet.outputs.messages import Publication
    from edgedet.outputs.spool.entry import Entry
    from edgedet.outputs.topics import Topics

__all__ = ["BrokerStatus", "MqttOutput", "MqttStatistics"]

_ONLINE, _OFFLINE = b"online", b"offline"
_IN_FLIGHT = 20
_STEADY_S = 10.0
_HEADER_BYTES = 16


class MqttOutput:
    """Publishes for one device, for as long as the `async with` lasts. Loop thread only."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        *,
        cameras: Collection[str] = (),
        on_command: Callable[[Command], None] | None = None,
        on_status: Callable[[BrokerStatus], None] = log_status,
        pace: Pace | None = None,
        events: EventDelivery | None = None,
    ) -> None:
        """`cameras` are those whose commands are taken; `on_status` is called on each change.

        `events` is opened before this output and closed after it.
        """
        self._connection = connection
        self._topics = topics
        self._commands = CommandIntake(topics, cameras, on_command)
        self._standing = Standing(connection, on_status)
        self._pace = pace or Pace()
        self._outbox = Outbox()
        self._events = None if events is None else EventLane(events, self._pace.longest_delay_s / 2)
        self._version = VERSIONS[0]
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._connections = 0
        self._sent = 0
        self._dropped = 0

    async def __aenter__(self) -> Self:
        if self._events is not None:
            self._events.attach(self._pump)
        self._task = asyncio.create_task(self._run(), name="mqtt")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if (link := self._link) is not None:
            self._link = None if link.lost.done() else link
            # `offline` last: until then, what arrives still comes from somebody who is there.
            await self._flush(link)
            self._outbox.put_state(self._topics.availability, _OFFLINE)
            self._pump()
            await self._flush(link)
            self._link = None
            await link.close(timeout_s=1.0)

    async def lasts(self) -> None:
        """Wait for as long as it works, which is for ever but for a mistake of its own.

        Raises:
            RuntimeError: it does not work any more; what ended it is the cause.
        """
        if self._task is None:
            raise RuntimeError("enter the output first")
        await asyncio.wait([self._task])
        cause = None if self._task.cancelled() else self._task.exception()
        raise RuntimeError("the MQTT output has ended by a mistake of its own") from cause

    def send(self, message: Publication) -> None:
        """Take a message; see `Publication` for what becomes of it. Never waits, never fails."""
        if message.retain:
            self._outbox.put_state(message.topic, message.payload)
        elif message.qos == 1:
            self._outbox.put(message)
        else:
            self._send_now(message)
            return
        self._pump()

    def forget(self, *topics: str) -> None:
        """Take retained topics away from the broker."""
        for topic in topics:
            self._outbox.put_state(topic, b"")
        self._pump()

    def take_commands_for(self, cameras: Collection[str]) -> None:
        """These cameras are there now; commands for others are refused."""
        self._commands.cameras = frozenset(cameras)

    def repeat_states(self) -> None:
        """Publish every state once more, Home Assistant's discovery among them: what to do when it has started."""
        self._outbox.repeat_states()
        self._pump()

    @property
    def status(self) -> BrokerStatus:
        """How it stands with the broker."""
        return self._standing.status

    def statistics(self) -> MqttStatistics:
        """Counts so far."""
        return MqttStatistics(
            sent=self._sent,
            dropped=self._dropped + self._outbox.dropped,
            waiting=self._outbox.waiting,
            reconnects=max(0, self._connections - 1),
            commands_refused=self._commands.refused,
            commands_ignored=self._commands.ignored,
        )

    def _send_now(self, message: Publication) -> None:
        if (link := self._link) is not None and not link.congested and self._fits(link, message):
            number = link.publish(message.topic, message.payload, qos=0, retain=False)
            if number is not None:
                self._sent += 1
                return
        self._dropped += 1

    def _pump(self) -> None:
        link = self._link
        if link is None:
            return
        window = min(_IN_FLIGHT, link.limits.in_flight)
        while self._under_way < window:
            if (message := self._outbox.next()) is not None:
                going = self._publish(link, message)
            elif self._events is not None and (event := self._events.next()) is not None:
                going = self._publish_event(self._events, link, *event)
            else:
                break
            if not going:
                # `link_lost` puts what is under way to the front again.
                return
        if not self._waiting:
            self._drained.set()

    @property
    def _under_way(self) -> int:
        return self._outbox.under_way + (0 if self._events is None else self._events.under_way)

    @property
    def _waiting(self) -> int:
        return self._outbox.waiting + (0 if self._events is None else self._events.waiting)

    def _publish(self, link: Link, message: Publication) -> bool:
        """Send what the outbox gave; False when the link is going."""
        if not self._fits(link, message):
            self._dropped += 1
            return True
        number = link.publish(message.topic, message.payload, qos=1, retain=message.retain)
        self._outbox.sent(-1 if number is None else number, message)
        self._sent += number is not None
        return number is not None

    def _publish_event(self, events: EventLane, link: Link, entry: Entry, message: Publication) -> bool:
        """Send an event; False when the link is going."""
        if not self._fits(link, message):
            events.too_large(entry)
            return True
        number = link.publish(message.topic, message.payload, qos=1, retain=False)
        if number is None:
            return False
        events.sent(number, entry)
        self._sent += 1
        return True

    def _fits(self, link: Link, message: Publication) -> bool:
        size = len(message.payload) + len(message.topic.encode()) + _HEADER_BYTES
        if size <= link.limits.packet_bytes:
            return True
        self._standing.refuses(message.topic, f"{size} bytes, and the broker takes {link.limits.packet_bytes}")
        return False

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                link = await self._connect()
            except BrokerError as error:
                self._standing.not_reached(error)
            else:
                steady = await self._serve(link)
                # A link that breaks again and again counts as a failure, or two clients with one id would throw
                # each other out once a second for ever.
                failures = 0 if steady else failures
            failures += 1
            await asyncio.sleep(self._pace.delay_s(failures))

    async def _serve(self, link: Link) -> bool:
        """Use a link until it breaks; whether it held for a while."""
        began = monotonic()
        self._attach(link)
        # `wait` and not `await link.lost`: a cancelled stop would cancel the future, and the link is needed to the end.
        await asyncio.wait([link.lost])
        self._detach()
        steady = monotonic() - began > _STEADY_S
        self._standing.lost(link.lost.result(), steady=steady)
        return steady

    async def _connect(self) -> Link:
        will = Will(self._topics.availability, _OFFLINE)
        link = await open_link(
            self._connection,
            self._pace.answer_s,
            will=will,
            on_message=self._commands.receive,
            on_acknowledged=self._acknowledged,
            # The one that worked last comes first: a broker may take ten seconds to say nothing to the other.
            versions=sorted(VERSIONS, key=lambda known: known is not self._version),
        )
        self._version = link.version
        return link

    def _attach(self, link: Link) -> None:
        self._link = link
        self._connections += 1
        link.subscribe(self._topics.subscriptions())
        self._outbox.put_state(self._topics.availability, _ONLINE)
        self._standing.connected()
        self._pump()

    def _detach(self) -> None:
        self._link = None
        self._outbox.link_lost()
        if self._events is not None:
            self._events.link_lost()

    async def _flush(self, link: Link) -> None:
        self._drained.clear()
        if not self._waiting:
            return
        drained = asyncio.create_task(self._drained.wait(), name="mqtt-flush")
        ends: list[asyncio.Future[Any]] = [drained, link.lost]
        await asyncio.wait(ends, timeout=self._pace.flush_s / 2, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()

    def _acknowledged(self, number: int, refusal: str | None) -> None:
        topic: str | None
        if self._events is not None and (entry := self._events.acknowledged(number, refusal)) is not None:
            topic = self._topics.events(entry.camera)
        else:
            message = self._outbox.acknowledged(number)
            topic = None if message is None else message.topic
        if topic is not None and refusal is not None:
            self._standing.refuses(topic, refusal)
        elif topic is not None:
            self._standing.takes(topic)
        self._pump()
