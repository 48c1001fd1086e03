"""What runbooks would have done about the past: limits counted over time, editions compared, every refusal named."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.core.records import Crossing, EarlyWarning
from aiops.runbooks import Runbook, load_runbook
from aiops.runbooks.past import Decision, Reaches, at_opening, compared, explained, replayed
from aiops.runbooks.reach import Reach
from aiops.runbooks.schema import MODES, Mode
from tests.outcomes.made import warning

HOUR = 3600
BOOK = """\
apiVersion: aiops/v1
kind: Runbook
name: {name}
summary: A filesystem is forecast to fill. See what grows, then free it.
owner: {{team: storage}}
mode: {mode}
match: {{kind: forecast, signal: free, lead_time: {{min: {least}}}, for: {hold}}}
target_by: [instance]
{guards}
approval: {{for: write, from: ["group:storage"], expires: 20m}}
steps:
  - {{id: look, uses: exec, effect: read, with: {{argv: [df, --, "${{{{ symptom.labels.instance }}}}"]}}, timeout: 30s}}
notify: {{route: default, impact: Writes will fail.}}
"""
LIMITS = """\
guards:
  cooldown: 2h
  max_runs: {count: 2, per: 1d}
  max_targets: {count: 2, per: 1h}
  require: [{name: fresh, promql: "up{$target}", expect: "> 0"}]"""


def book(
    folder: Path, name: str = "fills", mode: str = "approve", least: str = "0s", hold: str = "0s", guards: str = ""
) -> Runbook:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(BOOK.format(name=name, mode=mode, least=least, hold=hold, guards=guards))
    return load_runbook(file)


def opened(at_s: int, instance: str = "a", lead_s: float = 6 * HOUR, lasted_s: int = HOUR) -> EarlyWarning:
    crossing = Crossing(at_s + 0.5 * lead_s, at_s + lead_s, at_s + 2 * lead_s)
    one = warning(at_s, id=f"{instance}{at_s}", fingerprint=instance, entity={"instance": instance, "mountpoint": "/"})
    ended = {"state": "closed", "closed_s": at_s + lasted_s, "labels": {"instance": instance}}
    return one.having(first_crossing=crossing, crossing=crossing, **ended)


def within(ceiling: Mode) -> Reaches:
    """As far as the file asks and the configuration lets."""
    return lambda runbook, warning, at_s: Reach({"the file": runbook.mode, "responses.ceiling": ceiling})


def would(found: list[Decision]) -> list[str]:
    return [one.would for one in found]


def test_a_warning_is_asked_about_as_it_stood_at_its_opening() -> None:
    subject = at_opening(opened(1000, lead_s=7200.0, lasted_s=300))
    assert (subject.kind, subject.lead_s, subject.open_s, subject.labels["instance"]) == ("forecast", 7200.0, 300, "a")


@pytest.mark.parametrize(
    ("mode", "ceiling", "said"),
    [("approve", "auto", "asked"), ("auto", "auto", "started"), ("auto", "suggest", "suggested"), ("shadow", "auto", "shadowed")],
)
def test_the_mode_says_what_it_would_have_come_to(tmp_path: Path, mode: str, ceiling: Mode, said: str) -> None:
    (found,) = replayed([book(tmp_path, mode=mode)], [opened(0)], within(ceiling))
    assert found.would == said
    assert found.mode == min(mode, ceiling, key=MODES.index)


def test_what_a_switch_stopped_is_held_back_and_counts_for_no_limit(tmp_path: Path) -> None:
    on = {HOUR: "the kill switch was on (ann: drill)"}
    reach: Reaches = lambda runbook, warning, at_s: Reach({"the file": runbook.mode}, on.get(int(at_s), ""))  # noqa: E731
    found = replayed([book(tmp_path, guards=LIMITS)], [opened(HOUR), opened(2 * HOUR)], reach)
    assert [(one.would, one.because, one.by) for one in found] == [
        ("held back", "the kill switch was on (ann: drill)", ("the kill switch",)), ("asked", "", ("the file",)),
    ]  # fmt: skip


def test_it_waits_for_the_hold_and_what_did_not_last_is_left_alone(tmp_path: Path) -> None:
    found = replayed([book(tmp_path, hold="10m")], [opened(0, lasted_s=300), opened(9000, lasted_s=900)], within("auto"))
    assert [one.at_s for one in found] == [9600]


def test_a_target_rests_after_a_run(tmp_path: Path) -> None:
    found = replayed([book(tmp_path, guards=LIMITS)], [opened(0), opened(HOUR), opened(3 * HOUR)], within("auto"))
    assert would(found) == ["asked", "held back", "asked"]
    assert found[1].because == "cooldown 2h: it ran 1h before"
    assert found[0].unknown == ("fresh",)


def test_runs_of_a_target_are_counted_within_their_time(tmp_path: Path) -> None:
    times = [0, 3 * HOUR, 6 * HOUR, 25 * HOUR]
    found = replayed([book(tmp_path, guards=LIMITS)], [opened(at) for at in times], within("auto"))
    assert would(found) == ["asked", "asked", "held back", "asked"]
    assert found[2].because.startswith("max_runs: 2 within")


def test_targets_are_counted_together(tmp_path: Path) -> None:
    found = replayed([book(tmp_path, guards=LIMITS)], [opened(i, instance) for i, instance in enumerate("abc")], within("auto"))
    assert would(found) == ["asked", "asked", "held back"]
    assert found[2].because.startswith("max_targets: 2 within 1h")


def test_the_order_in_which_warnings_are_given_does_not_matter(tmp_path: Path) -> None:
    some = [opened(0), opened(HOUR), opened(3 * HOUR, "b")]
    books = [book(tmp_path, guards=LIMITS)]
    assert replayed(books, some, within("auto")) == replayed(books, some[::-1], within("auto"))


def test_every_runbook_says_which_line_refuses(tmp_path: Path) -> None:
    books = [book(tmp_path, "later", least="12h"), book(tmp_path, "now")]
    said = {one.name: [(r.line, r.wanted, r.got) for r in refused] for one, refused in explained(books, at_opening(opened(0)))}
    assert said == {"later": [("lead_time", ">= 12h", "6h")], "now": []}


def test_editions_differ_in_who_fits_in_the_mode_and_in_the_plan(tmp_path: Path) -> None:
    before = [book(tmp_path / "old")]
    assert compared(before, [book(tmp_path / "same")], [opened(0)]) == []
    (mode,) = compared(before, [book(tmp_path / "mode", mode="suggest")], [opened(0)])
    assert mode.before.startswith("fits, approve")
    assert mode.after.startswith("fits, suggest")
    (refused,) = compared(before, [book(tmp_path / "least", least="12h")], [opened(0)])
    assert refused.after == "refuses: lead_time wants >= 12h, got 6h"
    (gone,) = compared(before, [], [opened(0)])
    assert gone.after == "is not there"


def test_a_runbook_that_is_new_and_never_fits_is_no_change(tmp_path: Path) -> None:
    assert compared([], [book(tmp_path, least="12h")], [opened(0)]) == []


def test_other_rules_are_a_change_though_the_plan_is_the_same(tmp_path: Path) -> None:
    before = [book(tmp_path / "a", guards=LIMITS)]
    (change,) = compared(before, [book(tmp_path / "b", guards=LIMITS.replace("2h", "5m"))], [opened(0)])
    assert (change.before, change.after) == ("guards.cooldown: 7200.0", "guards.cooldown: 300.0")
    (change,) = compared(before, [book(tmp_path / "c")], [opened(0)])
    assert ("guards.require[0].expect: > 0" in change.before, "not there" in change.after) == (True, True)


def test_other_steps_beside_what_they_are_given_are_a_change(tmp_path: Path) -> None:
    before, after = book(tmp_path / "a"), book(tmp_path / "b")
    after = after.model_copy(update={"steps": [after.steps[0].model_copy(update={"timeout": 90.0})]})
    (change,) = compared([before], [after], [opened(0)])
    assert (change.before, change.after) == ("steps.look.timeout: 30.0", "steps.look.timeout: 90.0")
