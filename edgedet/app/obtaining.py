"""How models come into the state directory: fetched from the catalogue's address, or copied from the user's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgedet.app.download import USUAL_PATIENCE, Patience, discard, fetch
from edgedet.app.model_pair import ModelPair, look_at_pair
from edgedet.app.model_store import (
    Places,
    check_model_name,
    copy_to_part,
    locked,
    put_in_place,
    read_record,
    sums_of,
    write_part,
)
from edgedet.app.part_file import part_of
from edgedet.errors import DownloadError, UsageError
from edgedet.models.catalogue import Ready, RemoteFile


class Teller(Protocol):
    """Is told how a download goes."""

    def begins(self, file: str) -> None:
        """The download of a file begins, or goes on."""

    def progress(self, done: int, total: int | None) -> None:
        """So many bytes are there; None: how many there will be is not known."""

    def finished(self, file: str, size: int) -> None:
        """A file is there and is the right one; its size in bytes."""


@dataclass(frozen=True, slots=True)
class Obtained:
    """A model that is in its place."""

    places: Places
    pair: ModelPair
    files: dict[str, dict[str, Any]]
    """Size and sums by file name."""
    was_there: bool = False
    """It was before, the very same, and nothing was done."""


def pull(
    model: Ready,
    folder: Path,
    address: str,
    teller: Teller,
    on_wait: Callable[[Path], None],
    *,
    replace: bool = False,
    patience: Patience = USUAL_PATIENCE,
) -> Obtained:
    """Fetch a model of the catalogue from below `address` into `folder`.

    `on_wait` is called when another process is putting models there; its end is waited for.

    Raises:
        DownloadError: it cannot be had, or what came is not what the catalogue means.
        UsageError: another model of that name is there, and `replace` is not set.
    """
    places = Places(folder, model.name)
    with locked(folder, lambda: on_wait(folder)):
        known = read_record(places).get("files", {})
        wanted = dict(zip(places.files, (model.labels, model.cpu, model.edgetpu), strict=True))
        present = {place for place, remote in wanted.items() if _is(place, remote)}
        others = [place.name for place in wanted if place.exists() and place not in present]
        if others and not replace:
            message = f"{folder}: {', '.join(others)} is there and is not the catalogue's {model.name}"
            raise UsageError(message, hint="--replace puts the catalogue's in its place.")
        facts: dict[str, dict[str, Any]] = {}
        arrived = {}
        for place, remote in wanted.items():
            if place not in present:
                arrived[place] = _fetched(remote, place, address, teller, patience)
            facts[place.name] = _facts(arrived.get(place, place))
            _hold_against_first(known.get(place.name, {}), facts[place.name], place)
        at = {place: arrived.get(place, place) for place in wanted}
        pair = look_at_pair(at[places.cpu], at[places.edgetpu], at[places.labels])
        record = {"name": model.name, "origin": model.origin, "licence": model.licence, "files": facts}
        if arrived or not read_record(places):
            put_in_place(places, arrived, record)
            for part in arrived.values():
                discard(part)
    return Obtained(places, pair, facts, was_there=not arrived)


def add(
    name: str,
    cpu: Path,
    edgetpu: Path | None,
    labels: Path | None,
    folder: Path,
    on_wait: Callable[[Path], None],
    *,
    replace: bool = False,
) -> Obtained:
    """Copy the user's own files into `folder` as the model `name`.

    Raises:
        ModelError: they are no detector, or not one model.
        UsageError: no such name is allowed, or it is taken and `replace` is not set.
        DownloadError: they cannot be copied there.
    """
    places = Places(folder, check_model_name(name))
    given = look_at_pair(cpu, edgetpu, labels)
    with locked(folder, lambda: on_wait(folder)):
        if places.there and not replace:
            raise UsageError(f"{folder}: there is a model {name}", hint="--replace puts the new one in its place.")
        sources = {places.labels: labels, places.cpu: cpu, places.edgetpu: edgetpu}
        arrived = {place: copy_to_part(source, place) for place, source in sources.items() if source is not None}
        if labels is None and given.names_in_one_file_only:
            arrived[places.labels] = write_part("\n".join(given.cpu.labels) + "\n", places.labels)
        try:
            # Once more, the copies: the user's files may have changed meanwhile, or come off a failing stick.
            pair = look_at_pair(arrived[places.cpu], arrived.get(places.edgetpu), arrived.get(places.labels))
            facts = {place.name: _facts(part) for place, part in arrived.items()}
            record = {"name": name, "origin": f"added from {cpu.absolute()}", "licence": None, "files": facts}
            put_in_place(places, arrived, record)
        finally:
            for part in arrived.values():
                part.unlink(missing_ok=True)
    return Obtained(places, pair, facts)


def _fetched(remote: RemoteFile, place: Path, address: str, teller: Teller, patience: Patience) -> Path:
    part, url = part_of(place), f"{address.rstrip('/')}/{remote.name}"
    if _is(part, remote):
        return part  # all of it came before the last try ended
    while True:
        teller.begins(remote.name)
        resumed = fetch(url, part, teller.progress, patience)
        size, found = part.stat().st_size, sums_of(part)[1]
        if found == remote.git_object:
            teller.finished(remote.name, size)
            return part
        discard(part)
        # Whose bytes were the wrong ones, those of before or the server's, only a whole new download can tell.
        if not resumed:
            message = f"{url}: not the file of the catalogue ({size} bytes, git object {found[:12]}…)"
            hint = f"{remote.git_object[:12]}… was expected; nothing was changed. Try again, or from another network."
            raise DownloadError(message, hint=hint)


def _hold_against_first(known: dict[str, Any], facts: dict[str, Any], place: Path) -> None:
    """What vouches for a file is a SHA-1, and those can be forged; SHA-256 of the first download cannot."""
    if known.get("git_object") != facts["git_object"] or known.get("sha256") == facts["sha256"]:
        return
    discard(part_of(place))
    message = (
        f"{place.name}: SHA-256 {facts['sha256'][:12]}… is not that of the first download, {known['sha256'][:12]}…"
    )
    raise DownloadError(message, hint=f"One of the two is forged: use neither. {place.stem}.json has the first sum.")


def _is(place: Path, remote: RemoteFile) -> bool:
    return place.is_file() and sums_of(place)[1] == remote.git_object


def _facts(file: Path) -> dict[str, Any]:
    sha256, git = sums_of(file)
    return {"bytes": file.stat().st_size, "sha256": sha256, "git_object": git}
