"""What is known of every part, reduced to ok, degraded or blind, with reasons. Pure: time comes in as a number.

The rule that decides everything: a device is `blind` when no enabled camera is watching, and a camera watches only
while frames come *and* a detector answers. Whatever else is wrong makes it `degraded`, never quiet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

HOLD_NS = 2_000_000_000
"""A published state stands for at least this long, so that what flaps is readable and no automation rattles."""


class Code(StrEnum):
    """Why something is not well: a fixed word for programs, and in `advice` a sentence for people."""

    advice: str

    def __new__(cls, word: str, advice: str) -> Self:
        """Make a member that is its word and carries its advice."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.advice = advice
        return member

    STARTING = "starting", "It is coming up; this goes away by itself."
    EDGETPU_ABSENT = (
        "edgetpu_absent",
        "No Edge TPU is found: look at its cable and power, `lsusb` and `edgedet doctor`.",
    )
    EDGETPU_LOST = "edgetpu_lost", "The Edge TPU went away while it was in use: a cable, a port or a power supply."
    EDGETPU_BUSY = "edgetpu_busy", "Another program has the Edge TPU, or a killed worker that hangs in the kernel."
    EDGETPU_HUNG = "edgetpu_hung", "The Edge TPU did not answer in time; its worker was killed and is started again."
    EDGETPU_CRASHED = "edgetpu_crashed", "The Edge TPU's library ended its worker; a new one is started."
    EDGETPU_WRONG_ANSWERS = (
        "edgetpu_wrong_answers",
        "The Edge TPU computes nonsense, so it is not used: it may be too hot.",
    )
    EDGETPU_NO_PERMISSION = (
        "edgetpu_no_permission",
        "The Edge TPU may not be opened: the user must be in its udev group.",
    )
    EDGETPU_RUNTIME_MISMATCH = (
        "edgetpu_runtime_mismatch",
        "The model was compiled for a newer libedgetpu than this one.",
    )
    EDGETPU_USB2 = "edgetpu_usb2", "The Edge TPU sits on a USB 2 port, which makes it several times slower."
    EDGETPU_HOT = "edgetpu_hot", "The Edge TPU is so hot that it slows itself down: give it air or a cooler."
    EDGETPU_FAULTY = (
        "edgetpu_faulty",
        "The Edge TPU's driver shows a chip that has failed, such as by -87.9 °C: switch the machine off and on.",
    )
    DETECTOR_DOWN = "detector_down", "No detector answers at the moment; it is started again by itself."
    MODEL_MISSING = "model_missing", "The model file is not there; it is taken as soon as it comes."
    MODEL_MISMATCH = (
        "model_mismatch",
        "The Edge TPU's model and the CPU's are not the same network, or a camera asks for a label that it has not.",
    )
    CAMERA_ABSENT = (
        "camera_absent",
        "The camera is not found: look at its cable, its address and the source's settings.",
    )
    CAMERA_BUSY = "camera_busy", "Another program has the camera."
    CAMERA_STALLED = "camera_stalled", "The camera stopped giving frames; its worker is started again."
    CAMERA_CRASHED = "camera_crashed", "The camera's worker ended; a new one is started."
    CAMERA_FROZEN = "camera_frozen", "The camera gives the same picture again and again."
    CAMERA_DARK = "camera_dark", "The picture is black: a covered lens, or night without light."
    OVERLOADED = "overloaded", "The detector does not keep up with what the cameras ask for: lower `fps` or use fewer."
    BROKER_UNREACHABLE = "broker_unreachable", "The MQTT broker does not answer: look at `mqtt.url` and the network."
    BROKER_REFUSED = "broker_refused", "The MQTT broker says no: look at user, password and its ACL."
    SPOOL_FULL = "spool_full", "Events waited too long for the broker, and the oldest were dropped."
    SPOOL_DAMAGED = "spool_damaged", "The file of waiting events was damaged; it is put aside, and a new one serves."
    DISK_FULL = "disk_full", "There is no room where the state directory lies."
    DISK_UNWRITABLE = "disk_unwritable", "The state directory cannot be written: read-only, or a card that is worn out."
    MEMORY_LOW = "memory_low", "The machine is short of memory."
    UNDERVOLTAGE = "undervoltage", "The power supply is too weak: use the one made for this Pi."
    THROTTLED = "throttled", "The processor is slowed down, by heat or by its power supply."
    WIFI_WEAK = "wifi_weak", "The Wi-Fi signal is weak: move the Pi or the access point, or use a cable."
    CONFIG_REJECTED = (
        "config_rejected",
        "The new configuration is wrong, so the old one stays: `edgedet check` says why.",
    )


class State(StrEnum):
    """Of the whole device."""

    OK = "ok"
    DEGRADED = "degraded"
    BLIND = "blind"


class CameraState(StrEnum):
    """Is this camera looking?"""

    STARTING = "starting"
    WATCHING = "watching"
    DEGRADED = "degraded"
    """It watches, with less than was asked for."""
    BLIND = "blind"
    OFF = "off"
    """Nobody asks it to look, or its source has ended."""

    @property
    def looks(self) -> bool:
        """Whether what this camera reports is current."""
        return self in {CameraState.WATCHING, CameraState.DEGRADED}


class DetectorState(Enum):
    """Of the accelerators together: does one of them answer?"""

    STARTING = "starting"
    """It has not answered yet since the daemon started."""
    ANSWERING = "answering"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is not well."""

    component: str
    """`detector`, `broker`, `system` or the name of a camera."""
    code: str
    """A `Code`; any other word is passed on as it is."""
    message: str


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """What is known of the accelerator side."""

    state: DetectorState = DetectorState.STARTING
    backend: str = "none"
    """`edgetpu`, `cpu` or `none`."""
    model: str | None = None
    restarts: int = 0
    fallbacks: int = 0
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What is known of one camera, seen by itself: whether a detector answers is not its business."""

    state: CameraState = CameraState.STARTING
    reason: Reason | None = None
    """Why it is degraded or blind."""
    last_frame_at: str | None = None
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known at one moment."""

    detector: DetectorFacts
    cameras: Mapping[str, CameraFacts]
    broker: Reason | None = None
    system: tuple[Reason, ...] = ()
    at_best: Mapping[str, CameraState] = field(default_factory=dict)
    """Cameras that can see less than they are asked for, or nothing of it, however well they look."""


@dataclass(frozen=True, slots=True)
class Health:
    """Facts, reduced. `since` is of `state`; RFC 3339."""

    state: State
    since: str
    reasons: tuple[Reason, ...]
    detector: DetectorFacts
    cameras: Mapping[str, CameraFacts]
    """With the state that counts: blind also where it is the detector that does not answer."""

    def body(self) -> dict[str, object]:
        """Return what the `health` payload says beyond its head."""
        return {
            "state": str(self.state),
            "since": self.since,
            "reasons": [
                {"component": reason.component, "code": str(reason.code), "message": reason.message}
                for reason in self.reasons
            ],
            "detector": {
                "backend": self.detector.backend,
                "model": self.detector.model,
                "restarts": self.detector.restarts,
                "fallbacks": self.detector.fallbacks,
            },
            "cameras": {
                name: {"state": str(camera.state), "last_frame_at": camera.last_frame_at}
                for name, camera in self.cameras.items()
            },
        }


def reduce(facts: Facts, now: str) -> Health:
    """Return what the facts amount to; `now` (RFC 3339) becomes `since`."""
    cameras = {name: _with_detector(_at_best(name, facts), facts.detector) for name in facts.cameras}
    reasons = _reasons(facts, cameras)
    enabled = [camera for camera in cameras.values() if camera.state is not CameraState.OFF]
    if enabled and not any(camera.state.looks for camera in enabled):
        state = State.BLIND
    elif reasons:
        state = State.DEGRADED
    else:
        state = State.OK
    return Health(state, now, reasons, facts.detector, cameras)


class HealthReport:
    """Decides when a changed health is published: at once, but never within the hold of the one before.

    `offer` it the newest facts whenever something changes and again at `due_ns`; publish what it returns.
    """

    def __init__(self, hold_ns: int = HOLD_NS) -> None:
        self._hold_ns = hold_ns
        self._published_ns = 0
        self._began: tuple[State, str] | None = None
        self.current: Health | None = None
        """What was published last."""
        self.due_ns: int | None = None
        """When a change that had to wait may be published; None while none waits."""

    def offer(self, facts: Facts, now_ns: int, now: str) -> Health | None:
        """Take the facts of this moment, on both clocks; return what to publish, if anything."""
        health = reduce(facts, now)
        if self._began is None or self._began[0] is not health.state:
            self._began = (health.state, now)
        health = replace(health, since=self._began[1])
        if self.current is not None:
            if _essence(health) == _essence(self.current):
                # Only time stamps moved, or what had changed is as it was before its turn came.
                self.due_ns = None
                return None
            if now_ns < self._published_ns + self._hold_ns:
                self.due_ns = self._published_ns + self._hold_ns
                return None
        self.current = health
        self.due_ns = None
        self._published_ns = now_ns
        return health


def _at_best(name: str, facts: Facts) -> CameraFacts:
    """A camera whose labels the model does not have sees nothing of what it is asked for, whatever it looks at."""
    camera, state = facts.cameras[name], facts.at_best.get(name)
    return replace(camera, state=state) if camera.state.looks and state is not None else camera


def _with_detector(camera: CameraFacts, detector: DetectorFacts) -> CameraFacts:
    """A camera sees nothing without a detector; why, `health` says under the detector."""
    if camera.state is CameraState.STARTING and detector.state is DetectorState.DOWN:
        # It may be a model that nobody has brought yet: that is no start that will be over in a moment.
        return replace(camera, state=CameraState.BLIND)
    if detector.state is DetectorState.ANSWERING or not camera.state.looks:
        return camera
    starting = detector.state is DetectorState.STARTING
    state = CameraState.STARTING if starting else CameraState.BLIND
    return replace(camera, state=state)


def _reasons(facts: Facts, cameras: Mapping[str, CameraFacts]) -> tuple[Reason, ...]:
    """Every reason once: the detector's first, since it explains the cameras'."""
    reasons = list(facts.detector.reasons)
    explained = {Code.DETECTOR_DOWN, Code.MODEL_MISSING, Code.MODEL_MISMATCH}
    if facts.detector.state is DetectorState.DOWN and not explained & {reason.code for reason in reasons}:
        reasons.append(Reason("detector", Code.DETECTOR_DOWN, Code.DETECTOR_DOWN.advice))
    if facts.detector.state is DetectorState.STARTING and not reasons:
        reasons.append(Reason("detector", Code.STARTING, "The detector is loading its model."))
    for name, camera in cameras.items():
        if camera.reason is not None:
            reasons.append(camera.reason)
        elif camera.state is CameraState.STARTING and facts.detector.state is DetectorState.ANSWERING:
            reasons.append(Reason(name, Code.STARTING, "No frame has come yet."))
    if facts.broker is not None:
        reasons.append(facts.broker)
    return tuple(dict.fromkeys([*reasons, *facts.system]))


def _essence(health: Health) -> object:
    """What makes two healths different for a reader: not the time of the last frame."""
    states = {name: camera.state for name, camera in health.cameras.items()}
    return health.state, health.reasons, health.detector, states
