"""Proposals: what is asked for, as a diff that makes a good card, tried on what is kept; never a change."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.config import yaml_file
from aiops.core.records import Lineage, Symptom
from aiops.models.card import ModelCard, load_card
from aiops.pipeline.desk import Desk, Unsaid
from aiops.pipeline.suggest import Proposal, as_json, changed, suggest
from aiops.store import Store
from tests.outcomes.made import warning

DAY, NOON = 86400, 12 * 3600
TEXT = """\
apiVersion: aiops/v1
kind: ModelCard
name: disk_full
summary: A filesystem will run out of space.
owner: {team: platform-sre}
query: node_filesystem_avail_bytes
  / node_filesystem_size_bytes
entity: [instance, mountpoint]
forecast: {limit: {below: 0.05}}
guards: {persistence: 2/3, on_missing: hold}   # a comment
step: 1m
tests:
  - name: flat
    series: {'{instance="a"}': "0.5x10"}
    at: 5m
    expect: {symptom: none}
"""


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    (tmp_path / "disk_full.yaml").write_text(TEXT)
    return load_card(tmp_path / "disk_full.yaml")


def kept(store: Store, *lasts: float, at: int = NOON, **more: Any) -> list[str]:
    """Warnings a day apart that lasted so long, closed."""
    ids = []
    with store.transaction() as tx:
        for i, last in enumerate(lasts):
            opened = 100 * DAY + i * DAY + at
            one = {"id": f"{at}-{i}", "fingerprint": f"{at}-{i}", "entity": {"instance": "a", "mountpoint": f"/{i % 2}"}, **more}
            tx.put_warning(warning(opened, state="closed", closed_s=opened + int(last), closed_why="no longer seen", **one))
            ids.append(one["id"])
    return ids


def say(store: Store, word: Any, *ids: str) -> None:
    for one in ids:
        Desk(store).feedback(one, word, "ann", 200 * DAY)


def applied(card: ModelCard, proposal: Proposal, tmp_path: Path) -> ModelCard:
    """The card after `patch` has applied the diff."""
    (tmp_path / "p.diff").write_text(proposal.diff)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "disk_full.yaml").write_text(Path(card.path).read_text())
    subprocess.run(["git", "apply", "--unidiff-zero", "-p1", str(tmp_path / "p.diff")], cwd=copy, check=True, capture_output=True)
    return load_card(copy / "disk_full.yaml")


def test_noise_that_ends_soon_asks_for_more_persistence(store: Store, card: ModelCard, tmp_path: Path) -> None:
    short, long = kept(store, 60, 100, 120), kept(store, 7200, 7200, at=NOON + 60, verdict="hit")
    say(store, "noise", *short)
    (one,) = suggest(store, card)
    assert (one.key, one.value) == ("guards", {"persistence": "5/8", "on_missing": "hold"})
    assert str(one.tried) == "of 5 warnings kept it would have kept back 3 open"
    after = applied(card, one, tmp_path)
    assert (after.guards.need, after.guards.on_missing, after.entity) == (5, "hold", card.entity)
    assert len(long) == 2
    assert Path(card.path).read_text() == TEXT, "the file itself stays"


def test_noise_that_lasts_is_not_helped_by_persistence_but_by_a_smaller_budget(
    store: Store, card: ModelCard, tmp_path: Path
) -> None:
    say(store, "noise", *kept(store, 7200, 7200))
    (one,) = suggest(store, card)
    assert (one.key, one.tried) == ("false_alarm_budget", None), "what it keeps back only a replay can tell"
    after = applied(card, one, tmp_path).false_alarm_budget
    assert (after.count, after.per, after.every) == (0.5, "entity", 7 * DAY)


def test_noise_that_was_hardly_off_asks_for_a_floor(store: Store, tmp_path: Path) -> None:
    text = TEXT.replace("forecast: {limit: {below: 0.05}}", "detect: {model: seasonal}")
    (tmp_path / "odd.yaml").write_text(text.replace("name: disk_full", "name: odd").replace("symptom: none", "symptom: none"))
    odd = load_card(tmp_path / "odd.yaml")

    def far(now: float) -> tuple[Symptom, ...]:
        evidence = {"now": now, "expected": 100.0}
        return (Symptom("odd", "odd", {}, "anomaly", 0, "info", 0.5, 3.0, None, evidence, Lineage("s", "q", 0, 0)),)

    changes = {"card": "odd", "kind": "anomaly"}
    small = [kept(store, 7200, at=NOON + i, symptoms=far(100 + i), **changes)[0] for i in (5, 10, 15)]
    kept(store, 7200, at=NOON + 60, symptoms=far(180), verdict="hit", **changes)
    say(store, "noise", *small)
    (one,) = suggest(store, odd)
    assert (one.key, one.value["min_relative_change"]) == ("guards", 0.11)
    assert one.tried is not None
    assert (one.tried.of, one.tried.kept_back) == (4, {"open": 2})
    kept(store, 7200, at=NOON + 90, symptoms=far(107), verdict="hit", **changes)
    assert [p.key for p in suggest(store, odd)] == ["false_alarm_budget"], "a floor would lose a hit"


def test_what_is_expected_at_one_hour_is_excluded_there(store: Store, card: ModelCard, tmp_path: Path) -> None:
    say(store, "expected", *kept(store, 600, 600, 600, entity={"instance": "a\"b", "mountpoint": "/v"}))
    kept(store, 600, at=NOON + 300, verdict="hit")
    (one,) = suggest(store, card)
    assert one.value == [{"cron": "45 11 * * *", "for": "30m", "match": ['instance="a\\"b"', 'mountpoint="/v"']}]
    assert one.tried is not None
    assert (one.tried.of, one.tried.kept_back) == (4, {"open": 3}), "another entity at that hour is not meant"
    after = applied(card, one, tmp_path)
    assert [e.cron for e in after.exclude] == ["45 11 * * *"]


def test_around_midnight_is_one_hour_too(store: Store, card: ModelCard) -> None:
    say(store, "expected", *kept(store, 60, at=DAY - 300), *kept(store, 60, at=300))
    (one,) = suggest(store, card)
    assert (one.value[0]["cron"], one.value[0]["for"]) == ("40 23 * * *", "40m")


def test_what_is_expected_at_any_hour_has_no_window(store: Store, card: ModelCard) -> None:
    say(store, "expected", *kept(store, 60), *kept(store, 60, at=NOON + 7200))
    (one,) = suggest(store, card)
    assert (one.key, "at no common hour" in one.why) == ("", True)


def test_late_asks_for_less_persistence(store: Store, card: ModelCard, tmp_path: Path) -> None:
    say(store, "late", *kept(store, 60, 60))
    (one,) = suggest(store, card)
    assert applied(card, one, tmp_path).guards.persistence == "1/1"
    assert "60 s earlier" in one.why
    eager = card.model_copy(update={"guards": card.guards.model_copy(update={"persistence": "1/1"})})
    assert [p.key for p in suggest(store, eager)] == [""]


def test_duplicates_ask_for_a_wider_entity(store: Store, card: ModelCard, tmp_path: Path) -> None:
    say(store, "duplicate", *kept(store, 2 * DAY, 600, 600))
    (one,) = suggest(store, card)
    assert applied(card, one, tmp_path).entity == ["instance"]
    assert one.tried is not None
    assert one.tried.kept_back == {"open": 2}, "they would have been part of the first"


@pytest.mark.parametrize(
    ("word", "hint"), [("wrong_target", "runbooks match"), ("early", "shorter"), ("unimportant", "leave such series out")]
)
def test_what_no_card_can_mend_alone_is_said_in_its_own_words(store: Store, card: ModelCard, word: str, hint: str) -> None:
    say(store, word, *kept(store, 60, 60))
    assert [(p.key, hint in p.why) for p in suggest(store, card)] == [("", True)]


def test_one_word_alone_and_what_was_useful_ask_for_nothing(store: Store, card: ModelCard) -> None:
    first, second, third = kept(store, 60, 60, 60)
    say(store, "noise", first)
    say(store, "useful", second, third)
    assert suggest(store, card) == []


def test_a_changed_mind_counts_as_changed(store: Store, card: ModelCard) -> None:
    ids = kept(store, 60, 60)
    say(store, "noise", *ids)
    for one in ids:
        Desk(store).feedback(one, "useful", "ann", 201 * DAY)
    assert suggest(store, card) == []


def test_feedback_is_kept_with_its_ledger_row_and_changes_no_verdict(store: Store) -> None:
    (one,) = kept(store, 60)
    Desk(store).feedback(one, "noise", "ann", 200 * DAY, "nightly")
    said = store.last_recorded("said.feedback")
    assert said is not None
    assert (said["word"], said["note"]) == ("noise", "nightly")
    assert said["hush_until_s"] > 200 * DAY
    assert store.outcomes() == []
    with pytest.raises(Unsaid, match="is none of useful, noise"):
        Desk(store).feedback(one, "bad", "ann", 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("key", "at"), [("exclude", "tests:"), ("step", "step:"), ("query", "query:")])
def test_a_key_is_put_in_its_place_and_its_old_lines_go(key: str, at: str) -> None:
    lines = changed(TEXT.splitlines(keepends=True), key, "x")
    assert lines.count(f'{key}: "x"\n') == 1
    assert len([line for line in lines if line.startswith(f"{key}:")]) == 1
    assert "node_filesystem_size" not in "".join(lines) or key != "query"
    assert at in TEXT


def test_a_last_line_without_an_end_is_no_trouble(store: Store, tmp_path: Path) -> None:
    (tmp_path / "disk_full.yaml").write_text(TEXT.partition("tests:")[0].rstrip())
    card = load_card(tmp_path / "disk_full.yaml")
    say(store, "expected", *kept(store, 600, 600, 600))
    (one,) = suggest(store, card)
    assert len(applied(card, one, tmp_path).exclude) == 1


def test_of_a_file_without_lines_of_keys_the_change_is_told_and_no_diff_made(store: Store, tmp_path: Path) -> None:
    (tmp_path / "disk_full.yaml").write_text(json.dumps(yaml_file.load(as_file(tmp_path)).data))
    say(store, "expected", *kept(store, 600, 600, 600))
    (one,) = suggest(store, load_card(tmp_path / "disk_full.yaml"))
    assert not one.diff
    assert "write exclude: [{cron: " in one.why


def as_file(tmp_path: Path) -> Path:
    (tmp_path / "text.yaml").write_text(TEXT)
    return tmp_path / "text.yaml"


def test_a_card_made_in_code_has_no_diff(store: Store, card: ModelCard) -> None:
    made = ModelCard.model_validate(card.model_dump(by_alias=True, exclude={"tests", "alerts"}))
    say(store, "duplicate", *kept(store, 60, 60))
    (plain,) = as_json(suggest(store, made))
    assert (plain["diff"], plain["key"], plain["value"]) == ("", "entity", ["instance"])
