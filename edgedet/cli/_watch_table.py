"""What `edgedet watch` shows on a terminal: a table for each device."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedet.cli._watch_devices import CameraView, DeviceView, Watched

_STYLES = {
    "online": "bold green", "ok": "green", "watching": "green",
    "degraded": "yellow", "starting": "yellow",
    "blind": "bold red", "offline": "bold red", "off": "dim",
}  # fmt: skip
_MOST_COUNTS = 6


def draw(watched: Watched, broker: str, trouble: str, now: str) -> RenderableType:
    """Everything that is known. `trouble`: why nothing new comes at the moment, or empty."""
    parts: list[RenderableType] = [_head(watched, broker, trouble, now)]
    for name, device in sorted(watched.devices.items()):
        parts += [Text(), _title(name, device), *(Text(f"  {reason}", "yellow") for reason in device.reasons)]
        if device.cameras:
            parts.append(_cameras(device))
    if watched.events:
        parts += [Text(), Text("last events", "bold")]
        parts += [Text(f"  {event}", overflow="ellipsis", no_wrap=True) for event in reversed(watched.events)]
    return Group(*parts)


def _head(watched: Watched, broker: str, trouble: str, now: str) -> Text:
    count = len(watched.devices)
    head = Text.assemble(("edgedet watch", "bold"), f"  {broker}  {count} device{'' if count == 1 else 's'}  {now}")
    if trouble:
        head.append(f"\n{trouble}; what is below was said before", "bold red")
    elif not count:
        head.append("\nNothing is published here yet, or not to this user.", "yellow")
    return head


def _title(name: str, device: DeviceView) -> Text:
    availability = device.availability or "not heard of"
    title = Text.assemble((name, "bold"), "  ", (availability, _STYLES.get(availability, "yellow")))
    if device.availability == "online" and device.health:
        title.append(f"  {device.health}", _STYLES.get(device.health, ""))
    known = (device.backend and f"on {device.backend}", device.model, device.facts)
    title.append("".join(f"  {part}" for part in known if part), "dim")
    return title


def _cameras(device: DeviceView) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=True, header_style="dim")
    table.add_column("camera", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("fps", justify="right", no_wrap=True)
    table.add_column("latency", justify="right", no_wrap=True)
    table.add_column("now", ratio=2)
    table.add_column("last event", ratio=3)
    online = device.availability == "online"
    for name, camera in sorted(device.cameras.items()):
        table.add_row(name, *_row(camera, online=online), style="" if online else "dim")
    return table


def _row(camera: CameraView, *, online: bool) -> tuple[RenderableType, ...]:
    state = camera.state or "?"
    current = online and camera.looks
    return (
        Text(state, _STYLES.get(state, "yellow")) if online else Text(f"was {state}"),
        "-" if camera.fps is None or not current else f"{camera.fps:.1f}",
        "-" if camera.latency_ms is None or not current else f"{camera.latency_ms:.0f} ms",
        _counts(camera) if current else Text("not looking", "dim"),
        Text(camera.last_event),
    )


def _counts(camera: CameraView) -> Text:
    """What is there now, the most first; a camera that looks and sees nothing says so."""
    present = sorted(((n, label) for label, n in camera.counts.items() if n and label != "all"), reverse=True)
    if not present:
        return Text("nothing", "dim") if camera.counts else Text("-", "dim")
    shown = ", ".join(f"{n} {label}" for n, label in present[:_MOST_COUNTS])
    return Text(shown + (", …" if len(present) > _MOST_COUNTS else ""))
