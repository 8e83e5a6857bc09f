"""The man page and the completions are made from the commands: none of them and none of their options is left out."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from edgedet.cli import edgedet

SOURCE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def render() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", SOURCE / "deploy/man/render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(render: ModuleType) -> str:
    return str(render.man_page())


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that runs something and that `--help` shows, with its whole name."""
    context = click.Context(command, info_name=path)
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from commands(child, f"{path} {name}")


def test_every_command_and_every_option_is_in_the_man_page(page: str):
    plain = page.replace(r"\-", "-")
    sections = plain.split("\n.SS ")
    found = list(commands(edgedet, "edgedet"))
    assert len(found) > 8
    for name, command in found:
        (section,) = [each for each in sections if each.startswith(f"{name} ")]
        context = click.Context(command, info_name=name)
        for option in command.get_params(context):
            if isinstance(option, click.Option) and not option.hidden:
                for spelling in option.opts:
                    assert spelling in section, f"{name} {spelling}"


def test_the_man_page_names_the_files_the_exit_codes_and_the_signals_of_the_daemon(page: str):
    for word in ("/etc/edgedet/edgedet.yaml", "/var/lib/edgedet/", "SIGHUP", "SIGTERM", ".B 78", ".B 130"):
        assert word in page


def test_no_line_of_the_man_page_is_a_request_that_roff_does_not_know(page: str):
    known = {"TH", "SH", "SS", "TP", "PP", "B", "I", "BR", "RI", "nf", "fi", "br"}
    requests = {line[1:].split(" ")[0] for line in page.splitlines() if line.startswith(".") and line[1:2] != "\\"}
    assert requests <= known


def test_man_shows_the_page_without_a_warning(page: str, tmp_path: Path):
    if shutil.which("man") is None:
        pytest.skip("man is not installed: it shows the man page")
    file = tmp_path / "edgedet.1"
    file.write_text(page, encoding="utf-8")
    command = ["man", "--warnings", "--local-file", "--encoding=UTF-8", str(file)]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-rHY=0", "MANWIDTH": "100", "PAGER": "cat"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert "edgedet models inspect" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_asks_the_command_itself(render: ModuleType, shell: str):
    script = str(render.completion(shell))
    assert f"_EDGEDET_COMPLETE={shell}_complete" in script
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)
