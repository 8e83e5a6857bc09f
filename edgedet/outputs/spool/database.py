"""The spool's file: SQLite with a write-ahead log in the state directory. One thread uses it; every call may block."""

from __future__ import annotations

import errno
import json
import logging
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.errors import EdgedetError
from edgedet.outputs.spool.entry import BootClock, Entry, Found, Life, Missing, Numbering, Times, Work

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "spool.db"
PAGE = 500
"""Entries that are read at once."""
MOST_PEEKED = 5000
_LAYOUT = 1
_LOG = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    place INTEGER PRIMARY KEY, camera TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, boot TEXT NOT NULL,
    put_ns INTEGER NOT NULL, captured_ns INTEGER, started_ns INTEGER, ended_ns INTEGER, missing TEXT);
CREATE TABLE IF NOT EXISTS numbers (
    camera TEXT PRIMARY KEY, reserved INTEGER NOT NULL, settled INTEGER NOT NULL, lost INTEGER);
CREATE TABLE IF NOT EXISTS lives (
    id TEXT PRIMARY KEY, camera TEXT NOT NULL, body TEXT NOT NULL, boot TEXT NOT NULL,
    put_ns INTEGER NOT NULL, captured_ns INTEGER, started_ns INTEGER, ended_ns INTEGER);
CREATE TABLE IF NOT EXISTS boots (id TEXT PRIMARY KEY, offset_ns INTEGER NOT NULL, synced INTEGER NOT NULL);
"""
_EVENTS = "SELECT place, camera, seq, body, missing, boot, put_ns, captured_ns, started_ns, ended_ns FROM events "
_LIVES = "SELECT id, camera, body, boot, put_ns, captured_ns, started_ns, ended_ns FROM lives"
_FORGET_BOOTS = "DELETE FROM boots WHERE id NOT IN (SELECT boot FROM events UNION SELECT boot FROM lives)"
"""A boot of which nothing is left explains nothing."""


class SpoolError(EdgedetError, OSError):
    """The spool's file cannot be written or read. `code` is one of the health codes."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class SpoolDamaged(SpoolError):
    """What is in the file is no spool."""


class Database:
    """Opened by the first use, and again after every error."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._link: sqlite3.Connection | None = None

    def load(self, most: int = PAGE) -> Found:
        """Read what an earlier process left, `most` entries of it; a damaged file is moved aside first.

        Raises:
            SpoolError: it can neither be opened nor made.
        """
        try:
            return self._found(self._connected(), None, most)
        except SpoolDamaged as damage:
            moved_to = self.move_aside()
            _LOG.warning("%s; it is now %s, and a new one is made", damage.message, moved_to)
            return self._found(self._connected(), moved_to, most)

    def peek(self) -> Found:
        """Read without writing, where the folder takes nothing: a copy in memory is looked at, with its log.

        At most `MOST_PEEKED` entries; what is behind them waits for a process that may write.
        """
        folder = Path("/dev/shm")  # noqa: S108  # a folder in memory, and what is made below it is private
        try:
            with tempfile.TemporaryDirectory(dir=folder if folder.is_dir() else None) as aside:
                for name in (FILE, f"{FILE}-wal"):
                    if (file := self._file.with_name(name)).exists():
                        shutil.copyfile(file, Path(aside) / name)
                copy = Database(Path(aside))
                found = copy.load(MOST_PEEKED)
                copy.close()
                return replace(found, count=len(found.first), size=sum(entry.size for entry in found.first))
        except (OSError, SpoolError):
            return Found()

    def commit(self, work: Work) -> None:
        """Write it all, or nothing.

        Raises:
            SpoolDamaged: the file is no spool any more.
            SpoolError: no room, or no right to write.
        """
        link = self._connected()
        try:
            link.execute(f"PRAGMA synchronous={'FULL' if work.durable else 'NORMAL'}")
            link.execute("BEGIN IMMEDIATE")
            _write(link, work)
            link.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            problem = _translated(error, self._file)
            if problem.code == "disk_full":
                # Opened again it may want room before it can be read.
                with suppress(sqlite3.Error):
                    link.execute("ROLLBACK")
            else:
                self.close()
            raise problem from None

    def page(self, after: int, before: int | None) -> list[Entry]:
        """Return the next entries behind one place and before another, at most `PAGE`.

        Raises:
            SpoolDamaged: the file is no spool any more.
            SpoolError: it cannot be read.
        """
        try:
            bound = (1 << 62) if before is None else before
            query = f"{_EVENTS}WHERE place > ? AND place < ? ORDER BY place LIMIT ?"
            return _entries(self._connected().execute(query, (after, bound, PAGE)))
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise _translated(error, self._file) from None

    def shrink(self) -> None:
        """Give room back once nothing waits; failing costs nothing but the room."""
        with suppress(sqlite3.Error, SpoolError):
            link = self._connected()
            link.execute("PRAGMA incremental_vacuum").fetchall()
            link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def move_aside(self) -> str:
        """Put the file out of the way; the name it has then. Only the newest damaged one is kept.

        Raises:
            SpoolError: the folder takes no changes.
        """
        self.close()
        aside = self._file.with_name(f"{FILE}.damaged")
        try:
            self._file.replace(aside)
            for ending in ("-wal", "-shm"):
                self._file.with_name(FILE + ending).unlink(missing_ok=True)
        except OSError as error:
            raise _translated(error, self._file) from None
        return aside.name

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        if self._link is not None:
            with suppress(sqlite3.Error):
                self._link.close()
        self._link = None

    def _connected(self) -> sqlite3.Connection:
        if self._link is not None:
            return self._link
        link: sqlite3.Connection | None = None
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            link = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False, timeout=2.0)
            # The log's index is kept in memory then: on a full disk there is no room for a file of it, and without one
            # nothing could be read either. It also keeps a second daemon out.
            link.execute("PRAGMA locking_mode=EXCLUSIVE")
            link.execute("PRAGMA auto_vacuum=INCREMENTAL")
            link.execute("PRAGMA journal_mode=WAL").fetchall()
            (layout,) = link.execute("PRAGMA user_version").fetchone()
            if layout not in {0, _LAYOUT}:
                raise SpoolDamaged(f"{self._file} was made by another version of edgedet", code="spool_damaged")
            if layout == 0:
                link.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={_LAYOUT};COMMIT;")
            (verdict,) = link.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise SpoolDamaged(f"{self._file} is damaged: {verdict}", code="spool_damaged")
        except (sqlite3.Error, OSError) as error:
            if link is not None:
                link.close()
            raise _translated(error, self._file) from None
        self._link = link
        return link

    def _found(self, link: sqlite3.Connection, moved_to: str | None, most: int) -> Found:
        try:
            count, size, newest = link.execute(
                "SELECT count(*), coalesce(sum(length(body) + 140), 0), coalesce(max(place), 0) FROM events"
            ).fetchone()
            first = _entries(link.execute(f"{_EVENTS}ORDER BY place LIMIT ?", (most,)))
            numbers = {
                camera: Numbering(reserved, settled, lost)
                for camera, reserved, settled, lost in link.execute("SELECT * FROM numbers")
            }
            lives = tuple(Life(key, camera, body, Times(*times)) for key, camera, body, *times in link.execute(_LIVES))
            boots = {
                key: BootClock(offset, bool(synced)) for key, offset, synced in link.execute("SELECT * FROM boots")
            }
        except (sqlite3.Error, ValueError, TypeError) as error:
            self.close()
            raise _translated(error, self._file) from None
        return Found(tuple(first), count, size, newest, numbers, lives, boots, moved_to)


def _write(link: sqlite3.Connection, work: Work) -> None:
    link.executemany("DELETE FROM events WHERE place = ?", ((place,) for place in work.deletes))
    link.executemany("INSERT OR REPLACE INTO events VALUES (?,?,?,?,?,?,?,?,?,?)", map(_row, work.rows))
    link.executemany(
        "INSERT OR REPLACE INTO numbers VALUES (?,?,?,?)",
        ((camera, told.reserved, told.settled, told.lost) for camera, told in work.numbers.items()),
    )
    link.executemany("DELETE FROM lives WHERE id = ?", ((key,) for key in work.ended))
    link.executemany(
        "INSERT OR REPLACE INTO lives VALUES (?,?,?,?,?,?,?,?)",
        ((life.id, life.camera, life.body, *_times(life.times)) for life in work.lives),
    )
    if work.boots:
        link.execute(_FORGET_BOOTS)
    for key, clock in work.boots.items():
        link.execute("INSERT OR REPLACE INTO boots VALUES (?,?,?)", (key, clock.offset_ns, clock.synced))


def _row(entry: Entry) -> tuple[object, ...]:
    missing = entry.missing
    text = None if missing is None else json.dumps([missing.first, missing.last, missing.lost])
    return (entry.order, entry.camera, entry.seq, entry.body, *_times(entry.times), text)


def _times(times: Times) -> tuple[object, ...]:
    return times.boot_id, times.put_ns, times.captured_ns, times.started_ns, times.ended_ns


def _entries(rows: Iterable[tuple[object, ...]]) -> list[Entry]:
    return [_entry(*row) for row in rows]


def _entry(place: object, camera: object, seq: object, body: object, missing: object, *times: object) -> Entry:
    gap = None if missing is None else Missing(*json.loads(str(missing)))
    when: tuple[int | None, ...] = tuple(None if value is None else int(str(value)) for value in times[1:])
    put_ns = when[0] or 0
    known = Times(str(times[0]), put_ns, *when[1:])
    return Entry(int(str(place)), str(camera), str(body), known, int(str(seq)), gap, stored=True)


def _translated(error: Exception, file: Path) -> SpoolError:
    if isinstance(error, SpoolError):
        return error
    name = getattr(error, "sqlite_errorname", "")
    number = getattr(error, "errno", None)
    if name in {"SQLITE_CORRUPT", "SQLITE_NOTADB"} or isinstance(error, ValueError | TypeError):
        return SpoolDamaged(f"{file} is damaged: {error}", code="spool_damaged")
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith("no such"):
        return SpoolDamaged(f"{file} is damaged: {error}", code="spool_damaged")
    if name == "SQLITE_FULL" or number in {errno.ENOSPC, errno.EDQUOT}:
        return SpoolError(f"there is no room for {file}", code="disk_full")
    return SpoolError(f"{file} cannot be written: {error}", code="disk_unwritable")
