from datetime import date
from pathlib import Path

from edgedet.app.counting import Counted, CountPublisher
from edgedet.app.line_totals import LineTotals
from edgedet.events.lives import Counts
from edgedet.outputs.messages import Publication
from edgedet.outputs.topics import Topics

BASE = "edgedet/dev/porch/"


class Publisher:
    def __init__(self, tmp_path: Path, counted: Counted) -> None:
        self.sent: list[Publication] = []
        self.totals = LineTotals(tmp_path, lambda: date(2026, 1, 1))
        self.publisher = CountPublisher("porch", Topics("dev"), self.totals, counted, self.sent.append)

    def counts(self, objects=None, active=None, zones=None) -> dict[str, bytes]:
        """What goes out for these counts, by topic below the camera."""
        self.sent.clear()
        self.publisher.publish(Counts(objects or {}, active or {}, zones or {}))
        return self.told()

    def told(self) -> dict[str, bytes]:
        assert all(message.retain and message.qos == 1 for message in self.sent)
        return {message.topic.removeprefix(BASE): message.payload for message in self.sent}


def test_configured_labels_are_counted_from_the_first_frame_on_and_others_from_their_first_object(
    tmp_path: Path,
) -> None:
    publisher = Publisher(tmp_path, Counted(("person",)))
    assert publisher.counts() == {"objects/person": b"0", "objects/person/active": b"0", "objects/all": b"0"}
    assert publisher.counts({"dog": 1}, {"dog": 1}) == {
        "objects/dog": b"1",
        "objects/dog/active": b"1",
        "objects/all": b"1",
    }
    assert publisher.counts() == {"objects/dog": b"0", "objects/dog/active": b"0", "objects/all": b"0"}


def test_only_what_has_changed_is_told(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, Counted(("person",)))
    publisher.counts({"person": 2}, {"person": 2})
    assert publisher.counts({"person": 2}, {"person": 2}) == {}
    assert publisher.counts({"person": 2}, {"person": 1}) == {"objects/person/active": b"1"}


def test_zones_count_their_labels_and_all_together(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, Counted((), {"drive": ("person", "car")}))
    told = publisher.counts({"person": 1}, {"person": 1}, {"drive": {"person": 1, "car": 0}})
    assert {topic: count for topic, count in told.items() if topic.startswith("zones/")} == {
        "zones/drive/person": b"1",
        "zones/drive/car": b"0",
        "zones/drive/all": b"1",
    }


def test_labels_that_share_a_topic_are_counted_together(tmp_path: Path) -> None:
    told = Publisher(tmp_path, Counted(())).counts({"traffic light": 1, "traffic_light": 2})
    assert told["objects/traffic_light"] == b"3"


def test_lines_tell_the_totals_of_the_day(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, Counted((), {}, ("gate",)))
    publisher.publisher.publish_lines()
    assert publisher.told() == {"lines/gate/in": b"0", "lines/gate/out": b"0"}
    publisher.totals.crossed("porch", "gate", "in")
    publisher.sent.clear()
    publisher.publisher.publish_lines()
    assert publisher.told() == {"lines/gate/in": b"1"}


def test_after_a_change_everything_that_is_still_counted_is_told_anew(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, Counted(("person",), {"drive": ("person",)}, ("gate", "door")))
    publisher.counts(zones={"drive": {"person": 1}})
    publisher.publisher.publish_lines()
    publisher.publisher.change(Counted(("person",), {}, ("door",)))
    publisher.counts()
    publisher.publisher.publish_lines()
    assert publisher.told().keys() == {
        "objects/person",
        "objects/person/active",
        "objects/all",
        "lines/door/in",
        "lines/door/out",
    }
