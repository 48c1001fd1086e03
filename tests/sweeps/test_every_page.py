"""Every model of the catalogue has a page for people: when to use it, what it cannot see, what it costs, what it computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiops.plugins import BUILT_IN

DOCS = Path(__file__).parents[2] / "docs"
NAMES = sorted(BUILT_IN["detectors"] | BUILT_IN["forecasters"])
PARTS = ["When to use", "What it cannot see", "Cost", "Formula"]
each = pytest.mark.parametrize("name", NAMES)


def page(name: str) -> str:
    return (DOCS / "models" / f"{name}.md").read_text("utf-8")


def parts(text: str) -> dict[str, str]:
    """What stands under each head of the second level."""
    found = re.split(r"^## (.+)$", text, flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


@each
def test_it_has_its_parts_in_order(name: str) -> None:
    heads = list(parts(page(name)))
    assert [head for head in heads if head in PARTS] == PARTS


@each
def test_it_says_how_a_card_names_it(name: str) -> None:
    text = page(name)
    assert text.startswith(f"# {name}")
    assert f"{{model: {name}}}" in text or name in ("exhaustion", "seasonal"), "the two that a card has without a name"


@each
def test_its_formula_has_a_source(name: str) -> None:
    assert re.search(r"^Sources?: .*\b(1[89]|20)\d\d\b", parts(page(name))["Formula"], re.M)


@each
def test_its_cost_was_measured_by_a_command_that_is_there(name: str) -> None:
    text = parts(page(name))["Cost"]
    commands = re.findall(r"python(?: -m)?\s+benchmarks[./](\w+)", text)
    assert commands
    assert all((DOCS.parent / "benchmarks" / f"{command}.py").exists() for command in commands)
    assert re.search(r"\d", text)


@each
def test_the_readme_of_the_docs_leads_to_it(name: str) -> None:
    assert f"models/{name}.md" in (DOCS / "README.md").read_text("utf-8")
