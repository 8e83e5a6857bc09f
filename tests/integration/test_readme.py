"""What README and CONTRIBUTING tell a reader to type is there to be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from edgedet.cli import edgedet
from edgedet.health import Code

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md")
LARGEST_PICTURE = 300_000


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def shell_lines(page: str) -> list[str]:
    """The lines of code blocks, indented or fenced, without their prompt and comment."""
    text = re.sub(r"```(?:yaml|json)\n.*?```", "", text_of(page), flags=re.DOTALL)
    fenced = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += [line for line in text.splitlines() if line.startswith("    ")]
    return [line.strip().removeprefix("$ ").partition("  #")[0] for line in lines]


def command_lines(page: str, program: str) -> list[list[str]]:
    found = [line for line in shell_lines(page) if re.match(rf"(?:\w+=\S+ )*(?:\S*/)?{program}( |$)", line)]
    return [shlex.split(re.split(r" [|>] ", line)[0]) for line in found]


def options_of(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", PAGES)
def test_every_edgedet_command_on_the_page_exists_with_its_options(page: str) -> None:
    for words in command_lines(page, "edgedet"):
        command: click.Command = edgedet
        context = click.Context(edgedet)
        rest = words[1:]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            inner = command.get_command(context, rest[0])
            assert inner is not None, f"{page}: there is no command {' '.join(words)}"
            command, rest = inner, rest[1:]
        given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        unknown = given - options_of(command) - {"--help", "--version"}
        assert not unknown, f"{page}: {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_on_the_page_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {words[-1] if "=" not in words[-1] else words[-2] for words in command_lines(page, "make")}
    assert named
    assert named <= targets


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert any(words[-1] == "test" for words in command_lines("README.md", "make"))
    assert re.search(r"^make test\b", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)


def test_every_configuration_in_the_readme_is_accepted(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", text_of("README.md"), flags=re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        config = tmp_path / f"{number}.yaml"
        config.write_text(block, encoding="utf-8")
        command = [sys.executable, "-m", "edgedet", "check", "-c", str(config)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, f"{block}\n{result.stderr}"


def test_every_file_that_the_readme_links_to_is_there_and_its_pictures_are_small() -> None:
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text_of("README.md"))
    assert linked
    for name in linked:
        path = ROOT / name
        assert path.exists(), f"README.md links to {name}"
        if path.suffix in {".png", ".svg", ".jpg"}:
            assert path.stat().st_size < LARGEST_PICTURE


@pytest.mark.parametrize("code", list(Code))
def test_each_code_of_health_is_answered_where_something_is_wrong(code: Code) -> None:
    section = text_of("README.md").partition("## When something is wrong")[2].partition("\n## ")[0]
    assert f"| [`{code}`](docs/troubleshooting.md#{code}) | {code.advice} |" in section
