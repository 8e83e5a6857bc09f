"""Takes away what an earlier installation of this device left on the broker: a new card, or after `--purge`."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from edgedet.errors import BrokerError
from edgedet.outputs.left_behind import left_behind
from edgedet.outputs.link import BrokerRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from edgedet.outputs.connection import Connection
    from edgedet.outputs.topics import Topics

_LOG = logging.getLogger(__name__)
_AGAIN_S = 60.0


class Tidying:
    """Asks the broker once, as soon as it is there. A camera of another day would be `watching` there for ever."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        take_away: Callable[[Collection[str]], int],
    ) -> None:
        """`take_away` gets what the broker keeps and says how much of it had to go."""
        self._connection = connection
        self._topics = topics
        self._take_away = take_away
        self._is_there = asyncio.Event()

    def broker_is_there(self) -> None:
        """It has let the daemon in."""
        self._is_there.set()

    async def run(self) -> None:
        """Return when it is done."""
        while True:
            await self._is_there.wait()
            try:
                kept = await left_behind(self._connection, self._topics)
            except BrokerRefused as error:
                _LOG.info("What an earlier installation left on the broker stays there: %s", error.message)
                return
            except BrokerError as error:
                _LOG.debug("what the broker keeps of this device is not known yet: %s", error)
                await asyncio.sleep(_AGAIN_S)
                continue
            if count := self._take_away(kept):
                _LOG.info("Took %d topics away that an earlier installation had left on the broker", count)
            return
