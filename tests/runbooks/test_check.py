"""What a runbook's parts say of each other: each mistake at the key or value that has it. Word for word: tests/bad."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import ValidationError
from ruamel.yaml import YAML

from aiops.config.yaml_file import FROM_FILE
from aiops.core.errors import FileError
from aiops.runbooks import Runbook
from tests.mangled import mangled
from tests.runbooks.samples import POOL, loaded


def told(tmp_path: Path, old: str, new: str) -> list[tuple[str, str, str]]:
    """(field, the line it points at, message) of each mistake after one change of a good file."""
    assert POOL.count(old) == 1, old
    text = POOL.replace(old, new)
    with pytest.raises(FileError) as e:
        loaded(tmp_path, text)
    lines = text.splitlines()
    return [(m.field, lines[m.line - 1][m.column - 1 :], m.message) for m in e.value.mistakes]


@pytest.mark.parametrize(
    ("old", "new", "field", "points_at", "says"),
    [
        (
            "argv: [workers, --json",
            'argv: ["${{ target.service }}", --json',
            "steps[0].with.argv[0]",
            '"${{ target',
            "fixed text",
        ),
        ("effect: write\n    with: {argv", "with: {argv", "steps[2].effect", "id: clean", "is missing"),
        ("    idempotent: true\n", "", "steps[2].idempotent", "id: clean", "is missing in a write step"),
        ("    irreversible: Idle workers lose what they have cached.\n", "", "steps[2].undo", "id: clean", "undo"),
        ("    timeout: 1m\n", "", "steps[2].timeout", "id: clean", "is missing"),
        (
            "    output: json\n    timeout: 30s\n",
            "    output: json\n    timeout: 30s\n    irreversible: What was read cannot be unread.\n",
            "steps[0].irreversible",
            "irreversible: What was",
            "nothing to take back",
        ),
        (
            "    uses: compute\n",
            '    uses: compute\n    undo: {uses: notify, with: {route: web, message: "take it back"}}\n',
            "steps[1].undo",
            "undo: {uses",
            "nothing to take back",
        ),
        ("  cooldown: 1h\n", "", "steps[2].effect", "effect: write", "guards.cooldown"),
        ("mode: approve\n", "", "steps[2].effect", "effect: write", "needs mode"),
        (
            'approval: {for: write, from: ["group:web-sre"], expires: 20m}\n',
            "",
            "mode",
            "mode: approve",
            "needs approval",
        ),
        ("target_by: [service]\n", "", "steps[2].effect", "effect: write", "target_by"),
        (
            "if: steps.look.json.idle > 3",
            "if: steps.lok.json.idle > 3",
            "steps[2].if",
            "if: steps.lok",
            "did you mean look",
        ),
        (
            "if: steps.look.json.idle > 3",
            "if: steps.grow.json.idle > 3",
            "steps[2].if",
            "if: steps.grow",
            "before this one",
        ),
        ("if: steps.look.json.idle > 3", "if: steps.look.json.idle >", "steps[2].if", "if: steps.look", "is no CEL"),
        (
            "{workers: 8, idle: 0}}, grow",
            "{workers: 8, idle: 0}}, grwo",
            "tests[0].mocks.steps.grwo",
            "grwo",
            "did you mean grow",
        ),
        ("skipped: [clean]", "skipped: [claen]", "tests[0].expect.skipped[0]", "claen", "did you mean clean"),
        (
            "promql: 'min(nodes_free{$target})'",
            "promql: 'min(nodes_free{$target)'",
            "guards.require[0].promql",
            "promql",
            "$target",
        ),
        ("response.workers >=", "answer.workers >=", "steps[3].check.expect", "expect: answer", "unknown name answer"),
        (
            "https://pool.example.org/v1/size",
            "https://${{ target.service }}/",
            "steps[3].undo.with.url",
            "url:",
            "fixed text",
        ),
        ("kind: forecast\n  signal: workers_free", "kind: forecast", "match.signal", "match:", "give signal or card"),
        (
            "lead_time: {min: 10m, max: 12h}",
            "lead_time: {min: 10h, max: 1h}",
            "match.lead_time.min",
            "min: 10h",
            "more than max",
        ),
        ('reviewed: "2026-03-01"', 'reviewed: "2026-13-01"', "owner.reviewed", "reviewed:", "is no day"),
        ("  cooldown: 1h\n", "  cooldown: 0\n", "guards.cooldown", "cooldown: 0", "more than 0"),
        ("max_runs: {count: 2, per: 1d}", "max_runs: {count: 2, per: 0s}", "guards.max_runs.per", "per: 0s", "more than 0"),
        ("expires: 20m", "expires: 0", "approval.expires", "expires: 0", "more than 0"),
        ("within: 30m", "within: 4m", "verify.all[0].for", "for: 5m", "longer than within"),
        (
            'from: ["group:web-sre"], expires',
            'from: ["user:ann"], quorum: 2, expires',
            "approval.quorum",
            "quorum: 2",
            "only 1 may",
        ),
        ("    timeout: 1m\n", "    timeout: 0s\n", "steps[2].timeout", "timeout: 0s", "more than 0"),
        (
            "    undo:\n      uses: http\n",
            "    irreversible: what grew has grown\n    undo:\n      uses: http\n",
            "steps[3].irreversible",
            "irreversible: what grew",
            "keep one",
        ),
        ("    idempotent: true\n", "    idempotent: false\n", "steps[2].idempotent", "idempotent: false", "can only be true"),
        ("  cooldown: 1h\n", "  coldown: 1h\n  cooldown: 1h\n", "guards.coldown", "coldown", "did you mean cooldown"),
    ],
)
def test_a_mistake_points_at_what_is_wrong(
    tmp_path: Path, old: str, new: str, field: str, points_at: str, says: str
) -> None:
    found = told(tmp_path, old, new)
    here = [(pointed, message) for at, pointed, message in found if at == field]
    assert here, found
    assert here[0][0].startswith(points_at), found
    assert says in here[0][1]


def test_one_change_gives_one_mistake(tmp_path: Path) -> None:
    assert len(told(tmp_path, "if: steps.look.json.idle > 3", "if: steps.lok.json.idle > 3")) == 1


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("${{ steps.wanted.workers }}", "${{ steps.wanted.worker }}", "steps[3].with.json.workers",
         "wanted gives no worker; did you mean workers?"),
        (">= steps.wanted.workers}", ">= steps.wanted.wrkers}", "steps[3].check.expect",
         "wanted gives no wrkers; did you mean workers?"),
        ("{workers: \"${{ steps.look.json.workers }}\"}", "{workers: \"${{ steps.look.body }}\"}",
         "steps[3].undo.with.json.workers", "look gives no body; known: json, rc, stderr, stdout, truncated"),
        ("    output: json\n    timeout: 30s\n", "    timeout: 30s\n", "steps[1].with.workers",
         "look gives json only where its step says output: json; add that, or look at rc, stdout, stderr, truncated"),
    ],
)  # fmt: skip
def test_what_a_step_never_gives_is_told_before_it_has_run(tmp_path: Path, old: str, new: str, field: str, says: str) -> None:
    assert says in [message for at, _, message in told(tmp_path, old, new) if at == field]


def test_a_step_with_a_check_may_be_found_done_and_of_a_plug_in_nothing_is_known(tmp_path: Path) -> None:
    later = """\
  - {id: after, uses: wait, with: {for: 1s}, if: has(steps.grow.checked) || steps.grow.status == 200}
  - {id: own, uses: plugin.mine, effect: read, timeout: 5s}
  - {id: last, uses: notify, with: {route: web, message: "${{ steps.own.anything }}"}}
verify:"""
    loaded(tmp_path, POOL.replace("verify:", later, 1))
    with pytest.raises(FileError, match=r"steps\[5\].if: after gives no end; remove it"):
        loaded(tmp_path, POOL.replace("verify:", later.replace("plugin.mine", "plugin.mine, if: steps.after.end > 1"), 1))


def test_undo_may_use_what_its_own_step_gave_and_other_places_may_not(tmp_path: Path) -> None:
    loaded(
        tmp_path,
        POOL.replace('json: {workers: "${{ steps.look.json.workers }}"}', 'json: {was: "${{ steps.grow.json.was }}"}'),
    )
    found = told(tmp_path, '"${{ steps.wanted.workers }}"', '"${{ steps.grow.json.was }}"')
    assert [at for at, _, _ in found] == ["steps[3].with.json.workers"]


OWN = """\
    undo:
      check:
        url: https://pool.example.org/v1/${{ steps.grow.json.name }}
        expect: response.workers == steps.grow.json.was
"""


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("", "", "", ""),
        ("steps.grow.json.was", "steps.clean.json.was", "", ""),
        ("steps.grow.json.was", "steps.grwo.json.was", "steps[3].undo.check.expect", "did you mean grow"),
        ("response.workers ==", "answer.workers ==", "steps[3].undo.check.expect", "unknown name answer"),
        ("steps.grow.json.name", "steps.grwo.json.name", "steps[3].undo.check.url", "did you mean grow"),
        ("https://pool.example.org", "https://${{ target.service }}", "steps[3].undo.check.url", "fixed text"),
    ],
)
def test_the_check_of_an_undo_is_judged_as_any_and_may_use_what_its_step_gave(
    tmp_path: Path, old: str, new: str, field: str, says: str
) -> None:
    text = POOL.replace("    undo:\n", OWN.replace(old, new) if old else OWN)
    if not field:
        loaded(tmp_path, text)
        return
    with pytest.raises(FileError) as e:
        loaded(tmp_path, text)
    assert [(m.field, says in m.message) for m in e.value.mistakes] == [(field, True)]


@pytest.mark.parametrize("uses", ["compute", "promql", "wait"])
def test_what_changes_nothing_takes_nothing_back(tmp_path: Path, uses: str) -> None:
    given = {"compute": "{n: 1 + 1}", "promql": "{query: up}", "wait": "{for: 5m}"}[uses]
    start = POOL.index("      uses: http\n      with: {method: PUT, url: \"https://pool")
    end = POOL.index("    timeout: 2m\nverify")
    with pytest.raises(FileError, match=f"{uses} takes nothing back"):
        loaded(tmp_path, POOL[:start] + f"      uses: {uses}\n      with: {given}\n" + POOL[end:])


def test_a_variable_of_a_cel_macro_is_no_unknown_name(tmp_path: Path) -> None:
    loaded(tmp_path, POOL.replace("if: steps.look.json.idle > 3", "if: steps.look.json.all.exists(w, w.idle > 3)"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("docs: https://runbooks.example.org/pool", "docs: https://a.example/${{ symptom.signal }}"),
        ("irreversible: Idle workers lose", "irreversible: Workers of ${{ target.service }} lose"),
        ("name: workers again", 'name: "workers of ${{ target.service }}"'),
    ],
)
def test_a_look_up_where_none_is_replaced_is_a_mistake(tmp_path: Path, old: str, new: str) -> None:
    assert any("look-ups are not replaced here" in message for _, _, message in told(tmp_path, old, new))


def test_hostile_text_in_a_test_is_data_and_no_mistake(tmp_path: Path) -> None:
    loaded(tmp_path, POOL.replace("service: shop}", 'service: "${{ secrets.x }} {{ y }} $(reboot)"}'))


@settings(max_examples=400, deadline=None)
@given(mangled(YAML(typ="safe").load(POOL)))
def test_whatever_stands_where_only_mistakes_come_of_it(data: Any) -> None:
    with suppress(ValidationError):
        Runbook.model_validate(data, context=FROM_FILE)
