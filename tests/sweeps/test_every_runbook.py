"""Every shipped runbook: reached by the live turn, only suggesting, guarded where it writes, tested, deaf to labels."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from hypothesis import given, settings

from aiops.backtest import card_tests
from aiops.backtest.card_tests import open_warnings
from aiops.config.shipped import runbooks_dir
from aiops.core.text import visible
from aiops.runbooks import Runbook
from aiops.runbooks.expressions import LOOK_UP, query_for
from aiops.runbooks.match import Subject, context_of
from aiops.runbooks.plan import plan, rendered_argv
from aiops.runbooks.simulate import run_tests
from tests.runbooks.hostile import VALUES
from tests.shipped import BOOKS, CARDS

every = pytest.mark.parametrize("book", BOOKS, ids=lambda b: b.name)


@cache
def reached() -> dict[str, set[str]]:
    """Runbook to the cards whose firing tests reach it through the live turn, of which an hour is enough."""
    out: dict[str, set[str]] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(card_tests, "LIVE_S", 3600)
        for card in CARDS:
            for test in card.tests:
                if test.expect.symptom != "none":
                    for warning in open_warnings(card, test, BOOKS)[0]:
                        for found in warning.runbooks:
                            out.setdefault(found["name"], set()).add(card.name)
    return out


@every
def test_a_warning_of_some_shipped_card_reaches_it(book: Runbook) -> None:
    assert reached().get(book.name), f"no test of a shipped card opens a warning that {book.name} is for"


@every
def test_its_own_tests_hold_and_cover_both_answers(book: Runbook) -> None:
    assert [f"{v.name}: {v.why}" for v in run_tests(book) if not v.ok] == []
    assert {t.expect.matched for t in book.tests} >= {True, False}


PAGES = sorted((runbooks_dir().parent / "docs" / "library").glob("*.md"))
WRITING = [one for one in BOOKS if any(step.effect == "write" for step in one.steps)]
writing = pytest.mark.parametrize("book", WRITING, ids=lambda b: b.name)


@every
def test_it_only_suggests(book: Runbook) -> None:
    assert book.mode == "suggest"
    assert book.notify.route == "default"


def test_many_say_what_to_change_and_not_only_where_to_look() -> None:
    assert len(WRITING) >= 15


@writing
def test_what_writes_is_guarded_verified_and_explained(book: Runbook) -> None:
    assert book.guards is not None
    assert book.guards.require, "it writes whatever the numbers are"
    assert all("$target" in one.promql or "count(" in one.promql or "sum(" in one.promql for one in book.guards.require)
    assert book.approval is not None, "whoever raises its mode must name who is asked"
    assert book.verify is not None
    assert book.docs.startswith("https://")
    first = next(i for i, step in enumerate(book.steps) if step.effect == "write")
    assert first > 0, "it writes before it has looked"


@writing
def test_its_page_names_what_it_would_change(book: Runbook) -> None:
    (row,) = [line for page in PAGES for line in page.read_text("utf-8").splitlines() if line.startswith(f"| [{book.name}](")]
    for step in book.steps:
        assert step.effect != "write" or f"`{step.id}`" in row


@writing
def test_what_writes_shows_how_it_ends(book: Runbook) -> None:
    ends = {test.expect.outcome for test in book.tests}
    assert {"suggested", "succeeded", "approval_expired", "blocked"} <= ends
    assert ends & {"undone", "verify_failed"}
    assert ("undone" in ends) == any(step.undo is not None for step in book.steps)


@every
def test_its_file_is_called_as_it_is_and_says_who_answers(book: Runbook) -> None:
    assert Path(book.path).stem == book.name
    assert book.owner.team
    assert book.manual_minutes
    assert book.target_by


@every
def test_every_label_it_looks_up_is_one_its_warnings_have(book: Runbook) -> None:
    texts = [text for s in book.steps for text in _texts(s.with_)] + [book.notify.impact]
    names = {found[1].split(".")[2] for text in texts for found in LOOK_UP.finditer(text) if "labels" in found[1]}
    entities = [set(card.entity) for card in CARDS if card.name in reached()[book.name]]
    assert entities
    assert all(names | set(book.target_by) <= entity for entity in entities)


def context(book: Runbook, value: str) -> dict[str, Any]:
    labels = dict.fromkeys([*book.target_by, "instance", "mountpoint", "device", "job", "pod", "datname"], value)
    signal = book.match.signal or ""
    return context_of(Subject(book.match.kind, signal, "", labels, 3600.0, 0.9, "warning", 600.0), book.target_by)


@every
def test_whatever_a_label_holds_it_stays_one_literal_argument(book: Runbook) -> None:
    @settings(max_examples=60, deadline=None)
    @given(VALUES)
    def holds(value: str) -> None:
        given_ = context(book, value)
        steps, impact = plan(book, given_)
        assert impact.isprintable()
        for step, shown in zip(book.steps, steps, strict=True):
            assert str(shown["what"]).isprintable()
            if step.uses == "exec":
                _one_argument_each(step.with_["argv"], given_, value, str(shown["what"]), len(step.with_.get("env", ())))
            elif step.uses == "promql":
                assert _shape(query_for(step.with_["query"], given_["target"], book.target_by)) == _shape(
                    query_for(step.with_["query"], dict.fromkeys(book.target_by, "x"), book.target_by)
                )

    holds()


def _one_argument_each(written: list[str], given_: dict[str, Any], value: str, what: str, variables: int) -> None:
    argv, refused = rendered_argv(written, given_)
    assert len(argv) == len(written)
    assert all(a == w for a, w in zip(argv, written, strict=True) if not LOOK_UP.search(w))
    assert all(a == value for a, w in zip(argv, written, strict=True) if LOOK_UP.fullmatch(w))
    at_risk = [i for i, w in enumerate(written) if LOOK_UP.match(w) and "--" not in written[:i]]
    assert refused or not (at_risk and value.startswith("-"))
    command = what.partition(": ")[2] if value else what.removeprefix("on : ")
    if value.isascii() and value.isalnum():
        assert shlex.split(command)[variables:] == [visible(a) for a in argv]


def _shape(query: str) -> Any:
    def of(node: Any) -> Any:
        below = [getattr(node, name) for name in ("lhs", "rhs", "expr", "vector_selector") if hasattr(node, name)]
        below += list(getattr(node, "args", None) or [])
        names = [m.name for m in node.matchers.matchers] if hasattr(node, "matchers") else []
        return type(node).__name__, names, [of(one) for one in below]

    return of(promql_parser.parse(query))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]
