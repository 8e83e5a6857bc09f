"""`python -m edgedet.demo.amqtt_broker PORT`: amqtt as a process, for machines without mosquitto."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import signal
import sys
from typing import Any

from amqtt.broker import Broker
from amqtt.mqtt.connect import ConnectPayload, ConnectVariableHeader

_PR_SET_PDEATHSIG = 1
_MQTT_3_1_1 = 4

_read_payload = ConnectPayload.from_stream


async def _read_only_what_it_knows(reader: Any, fixed_header: Any, header: ConnectVariableHeader) -> ConnectPayload:
    """The rest of a CONNECT packet; of another version's, nothing.

    amqtt 0.12 reads a packet of MQTT 5 as one of 3.1.1 before it looks at the version: it waits for bytes that never
    come, and the client for an answer. With nothing read it gets as far as saying that it does not speak MQTT 5.
    """
    if header.proto_level == _MQTT_3_1_1:
        return await _read_payload(reader, fixed_header, header)
    return ConnectPayload(client_id="newer", will_topic="", will_message=b"", username="", password="")


async def _serve(port: int) -> None:
    settings = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    ConnectPayload.from_stream = _read_only_what_it_knows
    broker = Broker(settings)
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(int(sys.argv[1])))
