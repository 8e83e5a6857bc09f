"""`python -m edgedet.demo.amqtt_broker PORT`: amqtt as a process, for machines without mosquitto."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import signal
import sys

from amqtt.broker import Broker

_PR_SET_PDEATHSIG = 1


async def _serve(port: int) -> None:
    settings = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(settings)
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(int(sys.argv[1])))
