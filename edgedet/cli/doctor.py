"""`edgedet doctor`: what is wrong on this machine, and the command that mends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedet.errors import EdgedetError, ExitCode
from edgedet.settings import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.doctor.configuration import Reading
    from edgedet.doctor.finding import Finding

_READING_S = 8.0
"""Checking a configuration takes seconds on the slowest Pi; with what follows it stays below half a minute."""
_MARKS = {"ok": ("✔", "green"), "warning": ("!", "yellow"), "problem": ("✘", "bold red")}


@click.command(
    epilog="\b\nExamples:\n"
    "  sudo edgedet doctor\n"
    "  edgedet doctor -c edgedet.yaml --json\n"
    "\nExit status: 0 no problem (warnings are none), 1 problems."
)
@click.option(
    "-c", "--config", "file", type=click.Path(path_type=Path, readable=False), metavar="FILE",
    help=f"The configuration. Default: {DEFAULT_PATH} if it or a service is there, else only the machine is looked at.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def command(file: Path | None, *, as_json: bool) -> int:
    """Look at cameras, Edge TPU, model, broker, power, clock, disk and service, and say what to do.

    Nothing is changed. Devices are opened in processes of their own that may die of it, those that the running service
    has are left alone, and after half a minute it ends whatever hangs. With sudo it sees the most.
    """
    # Only now: --help shall not wait for what looks at models and brokers.
    from edgedet.doctor.examination import examine, subjects

    reading = _read(file)
    asked = subjects(reading.situation)
    with _progress([subject.name for subject in asked]) as on_done:
        findings = [*reading.findings, *examine(asked, on_done)]
    if as_json:
        print(json.dumps(_body(reading, findings), indent=2))
    elif sys.stdout.isatty():
        _show(findings)
    else:
        _print(findings)
    return ExitCode.FAILED if any(finding.level == "problem" for finding in findings) else ExitCode.DONE


def _read(file: Path | None) -> Reading:
    """The configuration, within a few seconds: it may lie on a disk that does not answer."""
    from edgedet.doctor.configuration import read
    from edgedet.doctor.examination import answer_of
    from edgedet.doctor.situation import SERVICE_USER, service_account

    account = service_account()
    # Where the service is installed its configuration belongs there: that it is gone has to be told.
    if file is None and (_is_there(DEFAULT_PATH) or account.name == SERVICE_USER):
        file = DEFAULT_PATH
    reading = answer_of(lambda: read(file, account), _READING_S)
    if reading is None:
        raise EdgedetError(f"{file} or its models cannot be read within {_READING_S:g} s", hint="Look at that disk.")
    return reading


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except PermissionError:
        hint = "It holds addresses and passwords: sudo edgedet doctor"
        raise EdgedetError(f"{file} may not be read by this user", hint=hint) from None


def _body(reading: Reading, findings: list[Finding]) -> dict[str, object]:
    config = reading.situation.config
    return {
        "schema": 1,
        "config": None if config is None else str(config),
        "ok": all(finding.level != "problem" for finding in findings),
        "findings": [finding.body() for finding in findings],
    }


@contextmanager
def _progress(names: list[str]) -> Iterator[Callable[[str], None]]:
    """What is still being looked at, on standard error where somebody is looking."""
    if not sys.stderr.isatty():
        yield lambda _name: None
        return
    from rich.console import Console
    from rich.text import Text

    left = list(dict.fromkeys(names))

    def looking() -> Text:
        return Text(f"looking at {', '.join(left)}", no_wrap=True, overflow="ellipsis")

    with Console(stderr=True).status(looking()) as status:

        def done(name: str) -> None:
            left.remove(name)
            if left:
                status.update(looking())

        yield done


def _summary(findings: list[Finding]) -> str:
    counts = [(sum(finding.level == level for finding in findings), level) for level in ("problem", "warning")]
    said = [f"{count} {level}{'s' if count > 1 else ''}" for count, level in counts if count]
    return ", ".join(said) or "no problem"


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        print(f"{finding.level:<8} {finding.subject}: {_line(finding.message)}")
        if finding.advice:
            print(f"{'':<8}   {_line(finding.advice)}")
        if finding.command:
            print(f"{'':<8}   $ {finding.command}")
    print(_summary(findings))


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    width = max(len(finding.subject) for finding in findings)
    before = ""
    for finding in findings:
        mark, style = _MARKS[finding.level]
        row = Table.grid(padding=(0, 1))
        row.add_column(width=1)
        row.add_column(width=width)
        row.add_column(overflow="fold")
        subject = "" if finding.subject == before else finding.subject
        row.add_row(Text(mark, style), Text(subject, "bold"), Text(finding.message, "" if style == "green" else style))
        before = finding.subject
        console.print(row)
        if finding.advice:
            console.print(Padding(Text(finding.advice, "dim"), (0, 0, 0, width + 3)))
        if finding.command:
            # Not wrapped by us: a line that the terminal folds is copied as one.
            console.print(Text.assemble(" " * (width + 3), ("$ ", "dim"), (finding.command, "cyan")), soft_wrap=True)
    worst = max(findings, key=lambda finding: list(_MARKS).index(finding.level))
    console.print(Text(f"\n{_summary(findings)}", _MARKS[worst.level][1]))


def _line(text: str) -> str:
    return " ".join(text.split())
