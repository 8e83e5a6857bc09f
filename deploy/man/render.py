"""Prints edgedet.1, or a shell's completion: what depends on the commands is taken from the commands.

python deploy/man/render.py man | bash | zsh | fish
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from edgedet.cli import edgedet as program

_FRAME = Path(__file__).with_name("edgedet.1.in")


def man_page() -> str:
    """The man page, in roff."""
    frame = _FRAME.read_text(encoding="utf-8").replace("@VERSION@", version("edgedet"))
    return frame.replace("@COMMANDS@", "\n".join(_commands(program, ["edgedet"])))


def completion(shell: str) -> str:
    """The completion that click makes for "bash", "zsh" or "fish"."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(f"click makes no completion for {shell}")
    found = kind(program, {}, "edgedet", "_EDGEDET_COMPLETE")
    # Not source(), which starts the shell to ask for its version: it is another machine's.
    return found.source_template % found.source_vars()


def _commands(command: click.Command, path: list[str]) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(path))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _commands(child, [*path, name])
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_escaped(' '.join(path))} {_escaped(usage)}"
    yield from _prose(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield f".B {_escaped(record[0])}"
            yield _line(" ".join(record[1].split())) or r"\&"
    if command.epilog:
        yield from _prose(command.epilog)


def _prose(text: str) -> Iterator[str]:
    """Paragraphs as click takes them; one that starts with \\b keeps its lines."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n").splitlines()
            yield from (".PP", ".nf", *(_line(line) for line in lines), ".fi")
        else:
            yield ".PP"
            yield _line(" ".join(paragraph.split()))


def _line(text: str) -> str:
    """A line of text: what begins with . or ' would be a request."""
    escaped = _escaped(text)
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escaped(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace("…", r"\&...").replace("×", r"\(mu")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["man", "bash", "zsh", "fish"])
    what = parser.parse_args().what
    sys.stdout.write(man_page() if what == "man" else completion(what))
