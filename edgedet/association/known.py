"""What a tracker remembers of one object besides its box: its name, how well it is seen, and since when."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgedet.types import Box, Detection, Track


@dataclass(slots=True)
class Known:
    """What is known of one object besides its box."""

    id: int
    label: str
    class_id: int
    score: float
    first_ns: int
    seen_ns: int
    first_s: float
    seen_s: float
    hidden_s: float = 0.0
    """How long of the time since then it may have been behind something."""
    hits: int = 1
    confirmed: bool = False
    detection: int | None = None
    votes: dict[tuple[str, int], float] = field(default_factory=dict)

    def see(self, found: Detection, index: int, at_ns: int, now_s: float, faded: float) -> None:
        """Take in a detection; earlier votes count `faded` of what they did."""
        for voted in self.votes:
            self.votes[voted] *= faded
        vote = (found.label, found.class_id)
        self.votes[vote] = self.votes.get(vote, 0.0) + found.score
        if self.votes[vote] > self.votes.get((self.label, self.class_id), 0.0):
            self.label, self.class_id = vote
        self.score, self.detection, self.seen_ns, self.seen_s = found.score, index, at_ns, now_s
        self.hidden_s = 0.0

    def as_track(self, box: Box) -> Track:
        """What others are told of it."""
        known = (self.id, self.label, self.class_id, self.score)
        return Track(*known, box, self.confirmed, self.detection, self.first_ns, self.seen_ns)
