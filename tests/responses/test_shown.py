"""A response for programs and for people: whole at home, without what it is about elsewhere, on lines that stay lines."""

from __future__ import annotations

import json
from pathlib import Path

from aiops.responses.interface import Result
from aiops.responses.shown import as_json, lines, row_line, whole_json
from tests.responses.rig import READ, WRITE, Rig, book, early, made

HOSTILE = "db1\n\x1b[31m`reboot`"


def asked(rig: Rig) -> tuple[object, ...]:
    rig.count.does["look"] = lambda call: Result("done", {"stdout": "12 GB\nfree\n"})
    rig.write(book(READ, {**WRITE, "with": {"argv": ["fix", "${{ target.instance }}"]}}))
    rig.warn(early(entity={"instance": HOSTILE}, labels={"instance": HOSTILE}))
    rig.replica().tick(rig.clock.now)
    run = rig.one()
    return run, rig.runs.steps(run.id), rig.runs.questions(run.id)


def test_people_see_where_it_stands_what_was_found_and_what_is_asked(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        shown = list(lines(*asked(rig)))  # type: ignore[arg-type]
    text = "\n".join(shown)
    assert not any(c in line for line in shown for c in ("\n", "\x1b"))
    for wanted in ("awaiting_approval", "look                 done (pure)", "| 12 GB", "| free", "asked:    group:sre until",
                   "nobody has answered yet", "(cannot be undone: What is gone is gone for good.)"):  # fmt: skip
        assert wanted in text


def test_a_row_of_the_table_is_one_line(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        shown = row_line(asked(rig)[0])  # type: ignore[arg-type]
    assert "\n" not in shown
    assert shown.split()[2:4] == ["awaiting_approval", "mend"]


def test_programs_get_plain_values_and_elsewhere_nothing_of_what_it_is_about(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        run, steps, questions = asked(rig)
        whole = json.dumps(whole_json(run, steps, questions))  # type: ignore[arg-type]
        less = json.dumps(whole_json(run, steps, questions, whole=False))  # type: ignore[arg-type]
        row = as_json(run, whole=False)  # type: ignore[arg-type]
    assert ("reboot" in whole, "reboot" in less, "12 GB" in less) == (True, False, False)
    assert ("target" in row, row["state"]) == (False, "awaiting_approval")
