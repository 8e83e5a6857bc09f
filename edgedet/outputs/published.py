"""What was published as retained, remembered over restarts: what the configuration no longer has must be taken away."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from edgedet.outputs.messages import Publication

_LOG = logging.getLogger(__name__)
_FILE = "published.json"
_MOST = 10_000
"""Topics and components each: far more than any configuration makes, and the record stays small."""


class PublishedRecord:
    """The retained topics and Home Assistant's components of this device, in the state directory.

    Written when something new joins: some dozen times in the life of a configuration. A record that cannot be read or
    written costs nothing but the cleaning-up, so that is said once and nothing else happens.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / _FILE
        self._topics: dict[str, None] = {}
        self._components: dict[str, str] = {}
        self._complained = False
        self.is_lost = False
        """Whether there was none, and nobody has asked yet (`add_found`): only the broker knows what it keeps."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Retained topics that hold something, the oldest first."""
        return tuple(self._topics)

    @property
    def components(self) -> Mapping[str, str]:
        """Every component that Home Assistant was ever told of: id and platform."""
        return dict(self._components)

    def load(self) -> None:
        """Read what earlier runs have left; nothing, where it is missing or damaged."""
        try:
            found = json.loads(self._file.read_bytes())
            self._topics = dict.fromkeys(str(topic) for topic in found["topics"])
            self._components = {str(name): str(platform) for name, platform in found["components"].items()}
            self.is_lost = not found.get("complete", True)
        except FileNotFoundError:
            self.is_lost = True
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self.is_lost = True
            _LOG.warning("%s cannot be read (%s); the broker is asked what it keeps", self._file, error)

    def note(self, message: Publication) -> None:
        """Remember a message that is about to be sent, if it is retained; an empty one takes its topic away."""
        if not message.payload:
            self.forget((message.topic,))
        elif message.retain and message.topic not in self._topics and len(self._topics) < _MOST:
            self._topics[message.topic] = None
            self._save()

    def add_found(self, topics: Iterable[str]) -> None:
        """Remember what the broker was found to keep."""
        self._topics.update(dict.fromkeys(list(topics)[: _MOST - len(self._topics)]))
        self.is_lost = False
        self._save()

    def add_components(self, components: Mapping[str, Mapping[str, object]]) -> None:
        """Remember what Home Assistant is about to be told of (see `homeassistant.components`)."""
        now = {name: str(component["platform"]) for name, component in components.items()}
        if now.items() <= self._components.items():
            return
        self._components = dict([*self._components.items(), *now.items()][-_MOST:])
        self._save()

    def forget(self, topics: Iterable[str]) -> None:
        """These were taken away."""
        gone = self._topics.keys() & set(topics)
        if gone:
            self._topics = {topic: None for topic in self._topics if topic not in gone}
            self._save()

    def _save(self) -> None:
        known = {"topics": list(self._topics), "components": self._components, "complete": not self.is_lost}
        body = json.dumps(known, indent=1)
        unfinished = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(body, "utf-8")
            unfinished.replace(self._file)
        except OSError as error:
            if not self._complained:
                _LOG.warning("%s cannot be written: %s", self._file, error.strerror)
            self._complained = True
        else:
            self._complained = False
