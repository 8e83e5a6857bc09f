"""Where results go. One file per output; each takes its own kind of message through `send`."""

from __future__ import annotations

from typing import Protocol, TypeVar

Message_contra = TypeVar("Message_contra", contravariant=True)


class Output(Protocol[Message_contra]):
    """What every output is to the pipeline: somewhere to put a message, at once, without waiting.

    Opening and closing are `async with` (or `with`) of the concrete class; `send` between the two never blocks
    for longer than a local write, and what cannot be delivered is counted, not raised.
    """

    def send(self, message: Message_contra) -> None:
        """Hand a message over."""
