"""Types in CEL that can never fit are found before anything runs; what may fit is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.runbooks.expressions import cel_mistakes

GIVEN = {"steps.a.rc": 1, "steps.a.stdout": "a", "steps.q.value": 1.5, "steps.q.values": [1.5]}


def mistakes(text: str, truth: bool = True) -> Iterator[str]:
    return cel_mistakes(text, ("symptom", "steps", "target", "response"), ["a", "q"], ["service"], GIVEN, truth)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("symptom.labels.env > 5", "symptom.labels.env, which is text, is compared with 5, which is a number"),
        ("symptom.lead_time < '1h'", "symptom.lead_time, which is a number, is compared with '1h', which is text"),
        ("target.service == 5", "target.service, which is text"),
        ("steps.a.rc == '0'", "steps.a.rc, which is a number"),
        ("steps.a.stdout > 3", "steps.a.stdout, which is text"),
        ("steps.q.value == 'a'", "steps.q.value, which is a number"),
        ("size(steps.a.json.x) > 'a'", "size(steps.a.json.x), which is a number"),
        ("steps.a.json.n + 1 > 'a'", "is compared with 'a', which is text"),
        ("symptom.severity in 'critical'", "is looked for in 'critical', which is text"),
        ("symptom.labels.env + 1 > 2", "symptom.labels.env + 1 never has a value"),
        ("symptom.labels.env.startsWith(5)", "never has a value"),
        ("most([1, 2]) > 1", "never has a value: there is no such function"),
        ("symptom.labels.env", "symptom.labels.env is text, not true or false"),
        ("!symptom.labels.env", "symptom.labels.env is text, not true or false"),
        ("steps.a.json.n - 1", "is a number, not true or false"),
        ("1 < 2 < 3", "1 < 2, which is true or false, is compared with 3"),
        ("duration('5m') > 5", "which is a duration, is compared with 5"),
        # a part that may never be reached is looked at too
        ("steps.a.json.ok || symptom.labels.env > 5", "symptom.labels.env, which is text"),
        ("(true && (symptom.confidence > 'x'))", "symptom.confidence, which is a number"),
        ("steps.a.json.ok ? symptom.confidence > 'x' : true", "symptom.confidence, which is a number"),
        ("symptom.confidence ? true : false", "symptom.confidence is a number, not true or false"),
        ("!(symptom.confidence > 'x')", "symptom.confidence, which is a number"),
    ],
)
def test_what_never_fits(text: str, says: str) -> None:
    (found,) = mistakes(text)
    assert says in found
    assert found.startswith(f"in {text!r} ")


@pytest.mark.parametrize(
    "text",
    [
        "symptom.labels.env == 'prod' && symptom.lead_time > 3600 && symptom.confidence >= 0.5",
        "target.service in ['/', '/var'] || target.service.startsWith('x > 5')",
        "steps.a.json.n >= 5000000000",
        "steps.a.json.n % 2 == 0",
        "size(steps.a.json.list) - 1 > 0",
        "symptom.lead_time / 60 > 5",
        "steps.a.json.when == '2026' || steps.a.json.when == 5 || steps.a.json.when == null",
        "steps.a.json.ok",
        "!steps.a.json.ok && !(symptom.confidence > 0.5)",
        "steps.a.json.items.exists(i, i.n > 5 && i.name == 'a')",
        "steps.a.json.items.all(i, i in ['a'])",
        "steps.a.json.items.filter(i, i.ready).size() > 1",
        "steps.a.json.items[0].kind == 'ReplicaSet'",
        "steps.a.json.m['x y'] > 5",
        "has(steps.a.json.x) && steps.a.json.x > 1",
        "int(steps.a.stdout) > 5 && string(steps.a.rc) == '0'",
        "timestamp(steps.a.json.at) > timestamp('2026-01-01T00:00:00Z')",
        "steps.q.values[0] > 1",
        "steps.a.json.a + steps.a.json.b + steps.a.json.c + steps.a.json.d == 'x'",
        "response.size_gib >= steps.a.json.next",
        'steps.a.json.name == "a\\"b" && steps.a.json.other == \'&& > ?\'',
        "steps.a.json.n > 5 ? steps.a.json.x == 'a' : steps.a.json.y",
    ],
)
def test_what_may_fit(text: str) -> None:
    assert list(mistakes(text)) == []


def test_what_is_computed_may_be_anything() -> None:
    assert list(mistakes("steps.a.json.n + 2 > 12 ? 12 : steps.a.json.n + 2", truth=False)) == []
    assert len(list(mistakes("symptom.labels.env + 1", truth=False))) == 1
