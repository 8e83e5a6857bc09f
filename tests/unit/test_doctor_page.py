"""docs/troubleshooting.md answers every code that `health` can have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgedet.health import Code

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
SECTIONS = dict(
    re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)


@pytest.mark.parametrize("code", [str(code) for code in Code])
def test_every_code_of_health_is_explained_with_how_to_see_it_and_what_to_do(code: str) -> None:
    assert code in SECTIONS, f"docs/troubleshooting.md has no heading for {code}"
    said = re.findall(r"^- \*\*(Means|See|Do):\*\* \S", SECTIONS[code], re.MULTILINE)
    assert said == ["Means", "See", "Do"]


def test_no_code_is_explained_that_does_not_exist() -> None:
    assert SECTIONS.keys() <= {str(code) for code in Code}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8")))))
def test_its_links_lead_somewhere(target: str) -> None:
    assert (PAGE.parent / target).exists()
