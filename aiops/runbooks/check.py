"""What a runbook's parts say of each other, judged on the file as it is written: any key may be absent or of another type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from aiops.config.fields import Found, at, items, repeated, span
from aiops.config.messages import did_you_mean
from aiops.runbooks.check_action import HAND_OVERS
from aiops.runbooks.expressions import LOOK_UP, cel_mistakes, look_up_mistakes, query_mistakes, references

Loc = tuple[str | int, ...]
_SPANS: tuple[tuple[str, ...], ...] = (
    ("guards", "cooldown"), ("guards", "max_runs", "per"), ("guards", "max_targets", "per"), ("approval", "expires"),
    ("verify", "within"),
)  # fmt: skip
_GIVES: Mapping[str, Mapping[str, Any]] = {
    "exec": {"rc": 1, "stdout": "a", "stderr": "a", "truncated": True},
    "http": {"status": 1, "text": "a", "truncated": True},
    "promql": {"value": 1.5, "values": [1.5]},
}
"""What actions give whatever comes of them, with a value of its type."""
_PARTS: Mapping[str, tuple[str, ...]] = {
    **{uses: tuple(parts) for uses, parts in _GIVES.items()},
    "wait": (), "notify": ("message",), "alertmanager.silence": ("id", "until"), "alertmanager.expire": ("id",),
    "kubernetes.get": ("json",), "kubernetes.scale": ("replicas", "before"), "kubernetes.restart": ("restarted_at",),
    "kubernetes.cordon": ("unschedulable", "before"), **dict.fromkeys(HAND_OVERS, ("id", "status")),
}  # fmt: skip
"""All that actions can give; of plug-ins nothing is known."""
_NAMED = {"require": ("guards", "require"), "verify": ("verify", "all")}


def mistakes_in(raw: Mapping[str, Any]) -> Found:
    """Every such mistake in a runbook: what a write step needs, references, look-ups, CEL, queries, tests."""
    yield from _needed(raw)
    yield from _never(raw)
    yield from _twice(raw)
    yield from _expressions(raw)
    yield from _queries(raw)
    for i, test in enumerate(items(raw, "tests")):
        for loc, text in (*_test(raw, test), *_earlier(raw, test)):
            yield ("tests", i, *loc), text


def _ids(raw: Any) -> list[str]:
    """The id of each step; empty where there is none."""
    found = (at(step, "id") for step in items(raw, "steps"))
    return [one if isinstance(one, str) else "" for one in found]


def _targets(raw: Any) -> list[str]:
    return [one for one in items(raw, "target_by") if isinstance(one, str)]


def _needed(raw: Mapping[str, Any]) -> Found:
    if raw.get("mode") == "approve" and raw.get("approval") is None:
        yield ("mode",), "mode approve needs approval: {for: write, from: [group:NAME], expires: 20m}"
    writes = [i for i, step in enumerate(items(raw, "steps")) if at(step, "effect") == "write"]
    if not writes:
        return
    missing = [key for key in ("mode", "target_by", "guards", "verify", "tests") if not raw.get(key)]
    if isinstance(raw.get("guards"), dict):
        missing += [f"guards.{key}" for key in ("cooldown", "max_runs", "max_targets") if at(raw, "guards", key) is None]
    if missing:
        yield ("steps", writes[0], "effect"), f"a runbook with a write step needs {', '.join(missing)}; add what is missing"


def _never(raw: Mapping[str, Any]) -> Found:
    """What can never succeed, and what binds nothing though it looks so."""
    for path in _SPANS:
        if at(raw, *path) == 0 or span(raw, *path) == 0:
            yield path, "must be more than 0"
    within, who = span(raw, "verify", "within"), items(raw.get("approval"), "from")
    for i, one in enumerate(items(raw.get("verify"), "all")):
        if within is not None and (span(one, "for") or 0.0) > within:
            yield ("verify", "all", i, "for"), "is longer than within, so that it could never be seen; make within longer"
    quorum, people = at(raw, "approval", "quorum"), {one for one in who if isinstance(one, str)}
    if isinstance(quorum, int) and people and all(one.startswith("user:") for one in people) and quorum > len(people):
        yield ("approval", "quorum"), f"{quorum} cannot say yes where only {len(people)} may; name more, or a group"
    for i, step in enumerate(items(raw, "steps")):
        if span(step, "timeout") == 0 or at(step, "timeout") == 0:
            yield ("steps", i, "timeout"), "must be more than 0"
        if at(step, "undo") is not None and at(step, "irreversible") is not None:
            yield ("steps", i, "irreversible"), "an undo takes it back, so it is not irreversible; keep one"


def _twice(raw: Mapping[str, Any]) -> Found:
    for i, first in repeated(_ids(raw)):
        if _ids(raw)[i]:
            yield ("steps", i, "id"), f"is also the id of steps[{first}]; rename one"
    for i, _ in repeated(items(raw, "target_by")):
        yield ("target_by", i), f"{items(raw, 'target_by')[i]} stands there twice; keep one"
    for above, key in (*_NAMED.values(), ("", "tests")):
        listed = items(at(raw, above) if above else raw, key)
        for i, first in repeated([at(one, "name") for one in listed]):
            place: Loc = (above, key, i, "name") if above else (key, i, "name")
            yield place, f"is also the name of {key}[{first}]; rename one"


def _expressions(raw: Mapping[str, Any]) -> Found:
    """Look-ups where they are replaced and where they are not, and CEL."""
    targets, ids = _targets(raw), _ids(raw)
    for loc, text in texts_in({key: value for key, value in raw.items() if key != "tests"}, ()):
        step = loc[1] if loc[0] == "steps" and len(loc) > 1 and isinstance(loc[1], int) else None
        before = [name for name in ids[:step] if name]
        own = [ids[step]] if step is not None and loc[2:3] == ("undo",) else []
        place = _kind_of(loc, at(raw, *loc[:2], "uses") if loc[0] == "steps" else None, raw)
        if place == "look-ups" or (place == "cel" and "${{" not in text):
            for why in _no_such_part(raw, LOOK_UP.findall(text) if place == "look-ups" else references(text), before + own):
                yield loc, why
        if place == "look-ups":
            for why in look_up_mistakes(text, before + own, targets):
                yield loc, why
        elif place == "cel":
            names = ["symptom", "steps", "target", *(["response"] if "check" in loc[2:4] else [])]
            computed = loc[3:4] != () and loc[2] == "with"
            for why in cel_mistakes(text, names, before + own, targets, _outputs(raw, loc), truth=not computed):
                yield loc, why
        elif place == "text" and "${{" in text:
            yield loc, "look-ups are not replaced here; write plain text"


def _no_such_part(raw: Mapping[str, Any], paths: Iterable[str], before: Collection[str]) -> Iterator[str]:
    """Parts that a step `before` never gives: what looks at them would find nothing once it has run."""
    steps = {name: step for name, step in zip(_ids(raw), items(raw, "steps"), strict=True) if name in before}
    for path in paths:
        root, name, part = (*path.split(".")[:3], "", "")[:3]
        step = steps.get(name) if root == "steps" and part else None
        given = None if step is None else _parts(step)
        if given is None or part in given:
            continue
        if part == "json" and at(step, "uses") in ("exec", "http"):
            yield f"{name} gives json only where its step says output: json; add that, or look at {', '.join(given)}"
        else:
            yield f"{name} gives no {part}{did_you_mean(part, list(given))}"


def _parts(step: Any) -> tuple[str, ...] | None:
    """What a step can give; None where that is not known."""
    uses, given = at(step, "uses"), at(step, "with")
    if uses == "compute":
        return tuple(given) if isinstance(given, dict) else None
    parts = _PARTS.get(uses) if isinstance(uses, str) else None
    if parts is None:
        return None
    json = ("json",) if uses in ("exec", "http") and at(step, "output") == "json" else ()
    return (*parts, *json, *(("checked",) if at(step, "check") is not None else ()))


def _outputs(raw: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
    """A value of its type for each part of what steps give, and of what the check at `loc` is answered, that always has one."""
    steps = ((at(step, "id"), at(step, "uses")) for step in items(raw, "steps"))
    known = ((name, _GIVES.get(uses, {})) for name, uses in steps if isinstance(uses, str))
    found = {f"steps.{name}.{part}": one for name, parts in known for part, one in parts.items()}
    check = at(raw, *loc[:-1])
    asks = next((uses for key, uses in (("argv", "exec"), ("promql", "promql")) if at(check, key) is not None), "")
    return found | {f"response.{part}": one for part, one in _GIVES.get(asks, {}).items()}


def _kind_of(loc: Loc, uses: Any, raw: Mapping[str, Any]) -> str:
    """How the text at `loc` is read: look-ups, cel, query or text."""
    if loc == ("notify", "impact"):
        return "look-ups"
    if loc[-1] == "promql" or (uses == "promql" and loc[2:] == ("with", "query")):
        return "query"
    if loc[0] != "steps" or len(loc) < 3:
        return "text"
    undo = loc[2] == "undo"
    part = loc[3:] if undo else loc[2:]
    if part in (("if",), ("check", "expect")) or (uses == "compute" and not undo and part[0] == "with"):
        return "cel"
    within = part[:1] == ("with",) or part[:2] in (("check", "url"), ("check", "argv"))
    return "look-ups" if within else "text"


def texts_in(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Every text in a JSON-like value, with its place."""
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from texts_in(one, (*loc, key))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from texts_in(one, (*loc, i))


def _queries(raw: Mapping[str, Any]) -> Found:
    targets = _targets(raw)
    for loc, text in texts_in({key: value for key, value in raw.items() if key != "tests"}, ()):
        uses = at(raw, *loc[:2], "uses") if loc[0] == "steps" else None
        if _kind_of(loc, uses, raw) == "query":
            for why in query_mistakes(text, targets):
                yield loc, why


def _test(raw: Mapping[str, Any], test: Any) -> Found:
    """Names in a test that nothing in the file has: it would test something else than it says."""
    ids = [name for name in _ids(raw) if name]
    known = {key: [at(one, "name") for one in items(at(raw, above), below)] for key, (above, below) in _NAMED.items()}
    for key, names in (("steps", ids), *known.items()):
        mocked = at(test, "mocks", key)
        for name in mocked if isinstance(mocked, dict) else ():
            if name not in names:
                yield ("mocks", key, name), f"nothing of this name to mock{did_you_mean(str(name), _texts_of(names))}"
    for key in ("ran", "skipped"):
        for i, name in enumerate(items(at(test, "expect"), key)):
            if name not in ids:
                yield ("expect", key, i), f"no step {name!r}{did_you_mean(str(name), ids)}"
    argv, died = at(test, "expect", "argv"), at(test, "crash_at")
    named = [(("expect", "argv", name), name) for name in (argv if isinstance(argv, dict) else ())]
    for place, name in [*named, *([(("crash_at",), died)] if isinstance(died, str) else [])]:
        if name not in ids:
            yield place, f"no step {name!r}{did_you_mean(str(name), ids)}"
    if at(test, "expect") == {}:
        yield ("expect",), "expects nothing; write for example {matched: true}"


def _earlier(raw: Mapping[str, Any], test: Any) -> Found:
    """Labels of other targets that no target has."""
    for i, one in enumerate(items(test, "earlier")):
        for name in at(one, "target") if isinstance(at(one, "target"), dict) else ():
            if name not in _targets(raw):
                yield ("earlier", i, "target", name), f"is not in target_by{did_you_mean(str(name), _targets(raw))}"


def _texts_of(names: list[Any]) -> list[str]:
    return [name for name in names if isinstance(name, str)]


def backwards(raw: Mapping[str, Any], low: str, high: str) -> Found:
    """Bounds that nothing can keep, and bounds that bind nothing."""
    if raw.get(low) is None and raw.get(high) is None:
        yield (), f"give {low} or {high}, or remove it"
    small, large = ((span(raw, key) if isinstance(raw.get(key), str) else raw.get(key)) for key in (low, high))
    if isinstance(small, int | float) and isinstance(large, int | float) and small > large:
        yield (low,), f"must not be more than {high}"
