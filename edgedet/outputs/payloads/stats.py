"""`stats`: rates, latencies and the machine's figures."""

from __future__ import annotations

from dataclasses import dataclass

from edgedet.outputs.payloads.head import Documented, Head


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentilesEntry(Documented):
    """Of the last half minute, milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStatsEntry(Documented):
    """One camera."""

    captured_fps: float | None
    processed_fps: float | None
    dropped: int
    """Frames that a newer one replaced, since the daemon started."""
    inference_ms: PercentilesEntry | None
    """Null when no frame was processed lately."""
    latency_ms: PercentilesEntry | None
    """Capture to publish; null when no frame was processed lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry(Documented):
    """The daemon and its workers together."""

    cpu_percent: float | None
    """100 is one core kept busy, since the last message."""
    pss_mb: float | None
    """Proportional memory, MiB."""
    workers: int
    """Child processes that are alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEntry(Documented):
    """The machine."""

    cpu_temp_c: float | None
    mem_available_mb: float | None
    disk_free_mb: float | None
    """Where the state directory lies."""
    undervoltage: bool | None
    throttled: bool | None
    wifi_dbm: float | None
    mem_total_mb: float | None
    memory_stalled_percent: float | None
    """Share of the last ten seconds in which every process waited for memory; null without the kernel's PSI."""
    disk_total_mb: float | None
    """Size of the disk where the state directory lies."""
    undervoltage_since_boot: bool | None
    """Under-voltage now or earlier, as far as the Pi remembers it since it was switched on or edgedet has seen it."""
    throttled_since_boot: bool | None
    """Slowed down now or earlier, likewise."""
    soft_temp_limit: bool | None
    """A little slower for its heat, before it is throttled: some Pis are from 60 °C on."""
    soft_temp_limit_since_boot: bool | None
    """That now or earlier, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTpuEntry(Documented):
    """One Edge TPU."""

    device: str
    temp_c: float | None
    usb_mbps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryEntry(Documented):
    """What was done to get lost accelerators back, counted since the daemon started."""

    respawns: int
    """Workers started in place of a lost one."""
    reloads: int
    """Those of them that loaded the device's firmware anew."""
    resets: int
    """Devices that the reset helper reset."""
    power_cycles: int
    """Devices whose power the reset helper switched off and on."""
    probes: int
    """Looks for an Edge TPU, or for its model, that was absent before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttEntry(Documented):
    """The link to the broker, since the daemon started."""

    spooled: int
    """Events that wait for the broker."""
    dropped: int
    """Messages that were not sent because the broker was away or slow."""
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsPayload(Head):
    """`stats`, every `stats_interval_s`."""

    uptime_s: float
    versions: dict[str, str | None]
    """Of edgedet, Python and what inference runs on."""
    cameras: dict[str, CameraStatsEntry]
    process: ProcessEntry
    system: SystemEntry
    edgetpu: tuple[EdgeTpuEntry, ...]
    detector: RecoveryEntry
    mqtt: MqttEntry
