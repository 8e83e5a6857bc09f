import json

from edgedet.app.objects import Tracked
from edgedet.app.publishing import CameraPublisher, PublishRules
from edgedet.clock import Clock, Stamp
from edgedet.outputs.messages import Publication
from edgedet.outputs.topics import Topics
from edgedet.types import Box, Detection, FrameResult, FrameStamp, Inference

PERSON = Detection("person", 0, 0.9, Box(0.1, 0.1, 0.2, 0.2))


class SetClock(Clock):
    """Stands where the test puts it."""

    def __init__(self) -> None:
        super().__init__("boot")
        self.now_ns = 0

    def stamp(self) -> Stamp:
        return Stamp("2026-01-01T00:00:00.000Z", "boot", self.now_ns, time_synced=True)


class Published:
    """A publisher and what it has sent."""

    def __init__(self, detections: str = "nonempty", max_hz: float | None = None) -> None:
        self.clock = SetClock()
        self.sent: list[Publication] = []
        rules = PublishRules(detections, max_hz)  # type: ignore[arg-type]
        self.publisher = CameraPublisher("porch", "dev", Topics("dev"), self.clock, rules, self.sent.append)

    def frame(self, *found: Detection, at_ms: float = 0.0) -> float:
        self.clock.now_ns = int(at_ms * 1e6)
        result = FrameResult(FrameStamp(0, 0, 0.0, 640, 480), Inference("cpu", 0, 1, 0), found)
        return self.publisher.publish(result, Tracked(found, (None,) * len(found), ()))

    def told(self) -> list[int]:
        """How many objects each detections message had."""
        bodies = [json.loads(m.payload) for m in self.sent if m.topic.endswith("/detections")]
        return [len(body["detections"]) for body in bodies]


def test_nonempty_tells_frames_with_objects_and_the_first_without() -> None:
    published = Published()
    for found in ((), (), (PERSON,), (PERSON,), (), (), ()):
        published.frame(*found)
    assert published.told() == [0, 1, 1, 0]


def test_all_tells_every_frame_and_off_tells_none() -> None:
    for rule, expected in (("all", [0, 1, 0, 0]), ("off", [])):
        published = Published(rule)
        for found in ((), (PERSON,), (), ()):
            published.frame(*found)
        assert published.told() == expected


def test_the_rate_of_messages_is_limited_but_never_that_of_the_one_that_says_they_have_gone() -> None:
    published = Published("nonempty", max_hz=10)
    for step in range(10):
        published.frame(PERSON, at_ms=step * 25)
    published.frame(at_ms=251)
    assert published.told() == [1, 1, 1, 0]


def test_the_latency_is_from_capture_to_publishing() -> None:
    assert Published().frame(at_ms=12.5) == 12.5
