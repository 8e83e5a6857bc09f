"""`edgedet watch`: what devices publish, live."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedet.cli._watch_broker import LOCAL, broker_of
from edgedet.errors import UsageError
from edgedet.settings.default_file import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.cli._watch_devices import Watched
    from edgedet.cli._watch_feed import Feed
    from edgedet.outputs.connection import Connection

_DRAWN_EVERY_S = 0.25
_NAME = re.compile(r"[a-z0-9_-]{1,32}")


@click.command(
    epilog="\b\nExamples:\n"
    "  edgedet watch\n"
    "  edgedet watch -c edgedet.yaml --device porch-pi\n"
    "  EDGEDET_MQTT_PASSWORD=… edgedet watch --url mqtts://me@broker.example\n"
    "\nExit status: 1 no broker, 78 wrong configuration, 130 ended with Ctrl-C."
)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, readable=False), metavar="FILE",
    help="The configuration whose mqtt says broker, user, password, TLS and topic prefix.  "
    f"[default: {DEFAULT_PATH} where it may be read, unless --url is given]",
)  # fmt: skip
@click.option("--url", help=f"The broker; mqtts:// for TLS.  [default: the configuration's, else {LOCAL}]")
@click.option("--device", help="Only this one.  [default: all]")
@click.option("--prefix", help="mqtt.topic_prefix of the devices.  [default: the configuration's, else edgedet]")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificate to trust, PEM.  [default: the system's]")
def command(config: Path | None, url: str | None, device: str | None, prefix: str | None, ca_file: Path | None) -> None:
    """Show what devices publish: availability, health, cameras with rates and counts, and the last events.

    A live table on a terminal; elsewhere a line for each change. A password comes from EDGEDET_MQTT_PASSWORD, the
    configuration, or the URL, which other users of this machine can see.
    """
    if device is not None and not _NAME.fullmatch(device):
        raise UsageError(f"{device[:40]!r} is no name of a device", hint="Names are 1 to 32 of a-z, 0-9, - and _.")
    if prefix is not None and (not prefix or re.search(r"[+#\x00-\x1f]", prefix)):
        raise UsageError(f"{prefix[:40]!r} cannot begin a topic", hint="Give mqtt.topic_prefix of the devices.")
    connection, configured = broker_of(config, url, ca_file)
    asyncio.run(_watch(connection, prefix or configured, device))


async def _watch(connection: Connection, prefix: str, device: str | None) -> None:
    from edgedet.cli._watch_devices import Watched
    from edgedet.cli._watch_feed import filters, listening

    watched = Watched(prefix)
    async with listening(connection, filters(prefix, device)) as feed:
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            await _show(feed, watched, connection.url)
        else:
            await _tell(feed, watched, connection.url)


async def _tell(feed: Feed, watched: Watched, broker: str) -> None:
    """A line for each change."""
    from edgedet.cli._watch_feed import LinkChange

    lost = False
    while True:
        item = await feed.get()
        if isinstance(item, LinkChange):
            if lost or not item.connected:
                words = "connected again" if item.connected else "the broker is gone; trying again"
                print(f"edgedet: {broker}: {words}", file=sys.stderr, flush=True)
            lost = not item.connected
        elif (line := watched.take(item.topic, item.payload)) is not None:
            print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


async def _show(feed: Feed, watched: Watched, broker: str) -> None:
    """A table that is drawn anew when something has changed, some times a second at most; its clock ticks."""
    from rich.live import Live

    from edgedet.cli._watch_feed import LinkChange
    from edgedet.cli._watch_table import draw

    trouble, drawn = "", ""
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            now = time.strftime("%H:%M:%S")
            if now != drawn or not feed.empty():
                while not feed.empty():
                    item = feed.get_nowait()
                    if isinstance(item, LinkChange):
                        trouble = "" if item.connected else "The broker is gone; trying again"
                    else:
                        watched.take(item.topic, item.payload)
                live.update(draw(watched, broker, trouble, now), refresh=True)
                drawn = now
            await asyncio.sleep(_DRAWN_EVERY_S)
