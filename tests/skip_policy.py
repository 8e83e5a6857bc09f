"""What a run may leave out and still pass in CI: the skips listed in skips.toml, and nothing else.

A skipped test looks like a passed one in the last line of a run. So under ``CI=true`` the run fails when a
test is skipped that the list does not name, and when ``EDGEDET_TEST_DATA`` is set but no test that uses the
data has passed. Outside CI nothing changes: a contributor without the data sees the skips and goes on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

DATA_VARIABLE = "EDGEDET_TEST_DATA"
DATA_FIXTURE = "test_data"
_DATA_USED = "used the test data"


@dataclass(frozen=True, slots=True)
class AllowedSkip:
    """One entry of skips.toml; ``test`` and ``reason`` are shell-style patterns."""

    test: str
    reason: str
    why: str

    def covers(self, test_id: str, reason: str) -> bool:
        return fnmatchcase(test_id, self.test) and fnmatchcase(reason, self.reason)


def load_allowed(path: Path) -> tuple[AllowedSkip, ...]:
    """Reads skips.toml; an entry without one of its three keys, or with an empty one, is an error."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("skip", [])
    for entry in entries:
        if set(entry) != {"test", "reason", "why"} or not all(str(value).strip() for value in entry.values()):
            message = f"{path}: every [[skip]] has test, reason and why, none of them empty; got {entry}"
            raise pytest.UsageError(message)
    return tuple(AllowedSkip(**entry) for entry in entries)


class SkipPolicy:
    """Keeps book of one run and turns it red at the end; registered by conftest.py when ``CI=true``."""

    def __init__(self, allowed: tuple[AllowedSkip, ...], environ: Mapping[str, str]) -> None:
        self._allowed = allowed
        self._data_folder = environ.get(DATA_VARIABLE)
        self._unlisted: list[tuple[str, str]] = []
        self._data_used = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> object:
        report = yield
        # In user_properties: they reach the reporting process even when pytest-xdist runs the tests.
        if report.when == "call" and report.passed and DATA_FIXTURE in getattr(item, "fixturenames", ()):
            report.user_properties.append((_DATA_USED, True))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._data_used = self._data_used or (_DATA_USED, True) in map(tuple, report.user_properties)
        # An expected failure is reported as skipped too, but it did run.
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report.nodeid, report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report.nodeid, report.longrepr)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        good = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        if self.complaints() and session.exitstatus in good:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        complaints = self.complaints()
        if complaints:
            terminalreporter.section("left out, and so failed", red=True)
            for line in complaints:
                terminalreporter.write_line(line)

    def complaints(self) -> list[str]:
        """What makes this run fail, one line each; empty when all is well."""
        lines = [
            f"{test_id} was skipped and tests/skips.toml does not list it: {reason}"
            for test_id, reason in self._unlisted
        ]
        if self._data_folder and not self._data_used:
            lines.append(f"{DATA_VARIABLE} is set to {self._data_folder}, but no test that uses it passed")
        return lines

    def _note(self, test_id: str, longrepr: object) -> None:
        # pytest gives a skip as (file, line, "Skipped: the reason").
        text = str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
        reason = text.removeprefix("Skipped: ")
        if not any(entry.covers(test_id, reason) for entry in self._allowed):
            self._unlisted.append((test_id, reason))
