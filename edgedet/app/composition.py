"""From a configuration to what the stages are given: nothing runs here."""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import TYPE_CHECKING

from edgedet.app.counting import Counted
from edgedet.app.event_rules import filters_of
from edgedet.app.model import Model, usable_cores
from edgedet.app.objects import WEAKEST_SCORE
from edgedet.app.overrides import Override
from edgedet.app.preference import EdgeTpuAccess
from edgedet.app.publishing import PublishRules
from edgedet.app.watch import SPARE_SLOTS, WatchOrder
from edgedet.outputs.connection import Connection
from edgedet.outputs.spool.entry import Policy
from edgedet.settings import mqtt_password
from edgedet.workers.camera import CameraSpec
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.protocol import bitmap_of
from edgedet.workers.rhythm import patience_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgedet.app.snapshots import SnapshotKeeper
    from edgedet.clock import Clock
    from edgedet.outputs.messages import Publication
    from edgedet.outputs.topics import Topics
    from edgedet.settings import CameraSettings, DetectorSettings, MqttSettings
    from edgedet.settings.schema import SpoolSettings
    from edgedet.tracking import Tracker
    from edgedet.types import ViewSize
    from edgedet.workers.supervisor import Answerer

_MAX_DETECTIONS = 300
_STALL_S = 2.9
"""A camera that gave frames and gives none for so long has stalled: it is to be known within 3 s. One that gives less
than a frame a second is allowed more, see `edgedet.workers.rhythm`, and so is one whose settings say more."""
_OPEN_S = 20.0
"""From the start of a camera's worker to its first frame, beside what its own rate makes of it."""


def broker_connection(mqtt: MqttSettings, device: str) -> Connection:
    """How to reach the broker.

    Raises:
        ConfigError: the password file cannot be read.
    """
    password = mqtt_password(mqtt)
    tls = mqtt.tls
    return Connection(
        host=mqtt.url.host,
        port=mqtt.url.port,
        tls=mqtt.url.tls,
        username=mqtt.username or mqtt.url.username,
        password=None if password is None else password.get_secret_value(),
        ca_file=_text(tls.ca_file),
        cert_file=_text(tls.cert_file),
        key_file=_text(tls.key_file),
        insecure_skip_verify=tls.insecure_skip_verify,
        keepalive_s=mqtt.keepalive_s,
        client_id=f"edgedet-{device}",
    )


def spool_policy(spool: SpoolSettings) -> Policy:
    """How events wait for the broker."""
    return Policy(spool.mode, spool.max_events, int(spool.max_mb * 1e6), spool.max_age_h * 3600.0)


def detector_spec(settings: DetectorSettings, model: Model) -> DetectorSpec:
    """The detector worker for the CPU."""
    instances = settings.cpu.instances
    return DetectorSpec(
        model.path,
        model.view,
        backend="cpu",
        threads=settings.cpu.threads,
        # One core is left for decoding, tracking and MQTT.
        instances=max(1, usable_cores() - 1) if instances == "auto" else instances,
        runtime=settings.runtime,
        deadline_s=settings.deadline_s,
        load_deadline_s=settings.load_deadline_s,
        python=_text(settings.python),
    )


def edgetpu_spec(settings: DetectorSettings, file: Path, view: ViewSize, twin: Path | None) -> DetectorSpec:
    """The detector worker for the Edge TPUs; its answers must be those of `twin`, where there is one."""
    return dataclasses.replace(
        edgetpu_access(settings).spec(file, view, twin),
        runtime=settings.runtime,
        deadline_s=settings.deadline_s,
        load_deadline_s=settings.load_deadline_s,
        python=_text(settings.python),
    )


def edgetpu_access(settings: DetectorSettings) -> EdgeTpuAccess:
    """How to get at the Edge TPUs."""
    edgetpu = settings.edgetpu
    return EdgeTpuAccess(edgetpu.library, () if edgetpu.devices == "all" else edgetpu.devices, edgetpu.options)


def source_of(camera: CameraSettings) -> dict[str, object]:
    """The driver's own settings as its worker is told them."""
    source = dataclasses.asdict(camera.source)  # type: ignore[call-overload]  # the drivers' settings are dataclasses
    return {key: _plain(value) for key, value in source.items()}


def camera_spec(name: str, camera: CameraSettings, model: Model, detector: Answerer) -> CameraSpec:
    """The camera worker."""
    pause_s = pause_of(camera)
    return CameraSpec(
        name,
        source_of(camera),
        model.view,
        # One more where a frame may be held for its picture while the next ones come.
        slots=detector.slots + SPARE_SLOTS + (1 if camera.snapshots.enabled else 0),
        max_fps=camera.detect.fps,
        idle_fps=idle_fps_of(camera),
        masks=masks_of(camera),
        full_view=camera.snapshots.enabled,
        open_deadline_s=_open_deadline_s(camera) + patience_s(0.0, pause_s or 0.0, 0.0),
        stall_s=max(_STALL_S, getattr(camera.source, "read_timeout_s", None) or 0.0),
        pause_s=pause_s,
        python=getattr(camera.source, "interpreter", None),
    )


def _open_deadline_s(camera: CameraSettings) -> float:
    # A network camera may take its time twice: for the connection, and for the first picture after it.
    return max(_OPEN_S, 2 * getattr(camera.source, "open_timeout_s", 0.0))


def pause_of(camera: CameraSettings) -> float | None:
    """Seconds from one of the source's frames to the next; 0: it does not run by itself; None: it does not say."""
    return getattr(camera.source, "pause_s", 0.0)


def idle_fps_of(camera: CameraSettings) -> float | None:
    """Frames a second that are looked at while nothing moves; None where motion does not matter."""
    motion = camera.detect.motion
    return motion.idle_fps if motion.enabled else None


def masks_of(camera: CameraSettings) -> tuple[tuple[tuple[float, float], ...], ...]:
    """What is black to the detector and to everything after it."""
    return tuple(tuple((x, y) for x, y in polygon) for polygon in camera.masks)


def watch_order(camera: CameraSettings, override: Override, model: Model) -> WatchOrder:
    """What is asked of a camera: the configuration, and what was set by command in its place."""
    detect = camera.detect
    return WatchOrder(
        enabled=detect.enabled if override.detect is None else override.detect,
        # Down to what the tracker has a use for; what counts is decided over time.
        min_score=min(WEAKEST_SCORE, filters_of(camera, override.min_score).weakest),
        iou=detect.iou,
        max_detections=_MAX_DETECTIONS,
        # Of a model that came late, a label may be unknown: it is never seen, and the others still are.
        class_bitmap=bitmap_of(model.classes_known_of(detect.labels)) if detect.labels is not None else b"",
    )


def counted(camera: CameraSettings, model: Model) -> Counted:
    """What is counted from the first frame on.

    Of what was asked for and the model does not have, nobody can say that there is none.
    """
    by_default = "objects" not in camera.detect.model_fields_set
    labels = tuple(label for label in camera.detect.objects if by_default or label in model.labels)
    zones = {
        name: labels if zone.labels is None else tuple(label for label in zone.labels if label in model.labels)
        for name, zone in camera.zones.items()
    }
    return Counted(labels, zones, tuple(camera.lines))


def snapshot_keeper(
    name: str, camera: CameraSettings, state_dir: Path, topics: Topics, send: Callable[[Publication], None]
) -> SnapshotKeeper | None:
    """What makes pictures of a camera's objects; None: none are wanted."""
    wanted = camera.snapshots
    if not wanted.enabled:
        return None
    # Here: most cameras make none.
    from edgedet.app.snapshots import SnapshotKeeper, SnapshotRules
    from edgedet.outputs.snapshots import SnapshotFiles, SnapshotLimits

    files = SnapshotFiles(state_dir, name, SnapshotLimits(wanted.max_files, wanted.max_mb, wanted.max_age_d))
    return SnapshotKeeper(name, SnapshotRules(wanted.boxes, wanted.crop), files, topics, send)


def new_tracker() -> Tracker:
    """The tracker of a camera."""
    # Here, so that `edgedet detect` goes without numpy: it costs 15 MB and 60 ms.
    from edgedet.tracking import ByteTracker

    return ByteTracker()


def life_ids(clock: Clock) -> Callable[[int], str]:
    """Gives each life its id: time, boot and number, since a Pi without a clock may live through an hour twice."""
    boot = clock.stamp().boot_id.replace("-", "")[:6]
    numbers = itertools.count(1)
    return lambda _started_ns: f"{int(time.time()):x}-{boot}-{next(numbers)}"


def publish_rules(camera: CameraSettings) -> PublishRules:
    """How much a camera tells."""
    return PublishRules(camera.publish.detections, camera.publish.max_hz)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: object) -> object:
    """What JSON can carry: a path becomes its text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
