"""`cmd/<verb>/result`: the answer to a command."""

from __future__ import annotations

from dataclasses import dataclass

from edgedet.outputs.payloads.head import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPayload(Head):
    """`cmd/<verb>/result`: what became of a command."""

    id: str | None
    """The one that the command came with."""
    ok: bool
    message: str
    """What was done, or why it was not."""
