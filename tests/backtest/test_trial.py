"""A proposed change, tried: what the replay keeps back of the noise, and what it loses of the hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.question import Question
from aiops.backtest.trial import Kept, Trial, tried
from aiops.core.durations import rfc3339
from aiops.core.records import EarlyWarning
from tests.backtest.recordings import START, write_series
from tests.outcomes.made import warning

HOUR, DAYS = 3600, 2
SPIKES, INCIDENT = (30, 33, 36), 40
"""Hours: two minutes each, and one that lasts an hour."""
CARD = """\
apiVersion: aiops/v1
kind: ModelCard
name: odd
summary: A load is unlike what is usual.
owner: {team: t}
query: load
entity: [entity]
step: 1m
history: 1d
detect: {model: seasonal}
guards: {persistence: PERSISTENCE, min_change: 10}
false_alarm_budget: {count: 40}
"""


def recorded(folder: Path, start: int) -> Path:
    minutes = np.arange(DAYS * 24 * 60)
    for seed, name in enumerate("ab"):
        load = 4 + 2 * np.sin(2 * np.pi * minutes / 200) + np.random.default_rng(seed).normal(0, 0.1, len(minutes))
        if name == "a":
            for hour in SPIKES:
                load[60 * hour : 60 * hour + 2] = 90.0
            load[60 * INCIDENT : 60 * INCIDENT + 60] = 90.0
        write_series(folder, name, start + 60 * minutes, {"load": load})
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("recording"), START)


def card(folder: Path, name: str, persistence: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(CARD.replace("PERSISTENCE", persistence))
    return path


def lived(hour: float, lasted: int, verdict: str, entity: str = "a", start: int = START) -> EarlyWarning:
    opened = start + int(hour * HOUR)
    name, labels = f"{entity}{hour}", {"entity": entity}
    one = warning(opened, timed=False, id=name, fingerprint=name, card="odd", entity=labels, labels=labels)
    return one.having(state="closed", closed_s=opened + lasted, verdict=verdict)


NOISE = [lived(hour, 180, "false") for hour in SPIKES]
HIT = lived(INCIDENT, HOUR, "hit")


def trial(recording: Path, folder: Path, persistence: str, noise: list[EarlyWarning], *more: EarlyWarning) -> Trial:
    asked = Question(None, recording, since_s=START + 29 * HOUR, until_s=START + int((INCIDENT + 0.5 if more else 34) * HOUR))
    files = card(folder, "now", "1/1"), card(folder, "then", persistence)
    return tried(asked, *files, "noise", noise, [*noise, *more], folder / "past")


def test_noise_goes_and_the_hit_stays(recording: Path, tmp_path: Path) -> None:
    found = trial(recording, tmp_path, "5/8", NOISE, HIT)
    assert (found.spoken_of, found.hits) == (Kept(3, 3, 3), Kept(1, 1, 0))
    assert (found.before[0], found.after[0]) == (4, 1)
    assert str(found).startswith("with this diff: 3 of 3 noise warnings gone, 0 of 1 hits lost; 1 warnings and ")
    assert found.as_json()["spoken_of"] == {"lived": 3, "found": 3, "gone": 3}


def test_a_change_that_loses_the_hit_says_so(recording: Path, tmp_path: Path) -> None:
    muted = CARD.replace("min_change: 10", "min_change: 1000").replace("PERSISTENCE", "1/1")
    (tmp_path / "then.yaml").write_text(muted)
    asked = Question(None, recording, since_s=START + 39 * HOUR, until_s=START + 41 * HOUR)
    found = tried(asked, card(tmp_path, "now", "1/1"), tmp_path / "then.yaml", "noise", [], [HIT], tmp_path / "past")
    assert (found.hits, found.after) == (Kept(1, 1, 1), (0, 0))


def test_what_the_replay_does_not_find_again_and_what_opened_outside_is_not_counted(recording: Path, tmp_path: Path) -> None:
    other = lived(30, 180, "false", entity="b")
    found = trial(recording, tmp_path, "5/8", [*NOISE, lived(31.5, 180, "false"), other])
    assert found.spoken_of == Kept(4, 2, 2), "the spike at 36 h came after the time that was replayed"
    assert found.spoken_of.said("noise warnings", "gone") == "2 of 2 noise warnings gone (2 of 4 were not found again)"


def test_masks_of_the_configuration_hold_in_a_replay(recording: Path, tmp_path: Path) -> None:
    begins, ends = (rfc3339(START + int(h * HOUR)).replace("-", "").replace(":", "") for h in (29.9, 33.5))
    event = f"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:{begins}\r\nDTEND:{ends}\r\nEND:VEVENT\r\n"
    (tmp_path / "ops.ics").write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\n{event}END:VCALENDAR\r\n")
    (tmp_path / "aiops.yaml").write_text("masks: {ops: {kind: ical, file: ops.ics}}\n")
    asked = Question(tmp_path / "aiops.yaml", recording, since_s=START + 29 * HOUR, until_s=START + 34 * HOUR)
    files = card(tmp_path, "now", "1/1"), card(tmp_path, "then", "5/8")
    assert tried(asked, *files, "noise", NOISE[:2], NOISE[:2], tmp_path / "past").before == (0, 0), "the two spikes were masked"
