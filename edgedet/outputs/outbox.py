"""What the broker still has to get: states by topic, other QoS 1 messages in order. Pure, no clock, no socket."""

from __future__ import annotations

from collections import deque
from itertools import chain

from edgedet.outputs.messages import Publication


class Outbox:
    """Decides what to send next and remembers what is under way.

    Memory is bounded: one payload a state topic, `max_queued` other messages.
    """

    def __init__(self, max_queued: int = 1000) -> None:
        self._max_queued = max_queued
        self._states: dict[str, bytes] = {}
        self._unsent: dict[str, None] = {}
        self._queue: deque[Publication] = deque()
        self._under_way: dict[int, Publication] = {}
        self.dropped = 0
        """Queued messages that gave way to newer ones."""

    def put_state(self, topic: str, payload: bytes) -> None:
        """Set what a topic says; it is sent after the states that wait already, unless the broker has it.

        An empty payload makes the broker drop the topic, and then it is forgotten here too.
        """
        if topic not in self._unsent and self._states.get(topic) == payload:
            return
        self._states[topic] = payload
        self._unsent.pop(topic, None)
        self._unsent[topic] = None

    def put(self, message: Publication) -> None:
        """Queue a message that is no state; the oldest gives way when there are too many."""
        if len(self._queue) >= self._max_queued:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(message)

    def next(self) -> Publication | None:
        """Take what is to be sent next: states first, in the order of their change. None: nothing waits."""
        if self._unsent:
            topic = next(iter(self._unsent))
            del self._unsent[topic]
            return Publication(topic, self._states[topic], qos=1, retain=True)
        return self._queue.popleft() if self._queue else None

    def sent(self, number: int, message: Publication) -> None:
        """Note that a message is on its way under the link's number for it."""
        self._under_way[number] = message

    def acknowledged(self, number: int) -> Publication | None:
        """Note that the broker answered for a message; None for a number that is not under way."""
        message = self._under_way.pop(number, None)
        if message is not None and message.retain and not message.payload:
            self._drop_if_still_empty(message.topic)
        return message

    def link_lost(self) -> None:
        """Start over: what was under way goes to the front again, and every state is to be sent."""
        again = [message for message in self._under_way.values() if not message.retain]
        self._under_way.clear()
        self._queue = deque(chain(again, self._queue))
        self._unsent = dict.fromkeys(self._states)

    def repeat_states(self) -> None:
        """Every state is to be sent once more, though the broker has it: somebody asked who may have taken it away."""
        self._unsent = dict.fromkeys((*self._unsent, *self._states))

    @property
    def under_way(self) -> int:
        """Messages that were sent and not acknowledged."""
        return len(self._under_way)

    @property
    def waiting(self) -> int:
        """Messages that the broker has not acknowledged, sent or not."""
        return len(self._under_way) + len(self._unsent) + len(self._queue)

    def _drop_if_still_empty(self, topic: str) -> None:
        if topic not in self._unsent and self._states.get(topic) == b"":
            del self._states[topic]
