"""The exact plan of a runbook for one warning. Label values are attacker text: each stays one literal argument."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from aiops.core.text import visible
from aiops.runbooks.expressions import LOOK_UP, NotKnown, plain, query_for, references, render, resolve
from aiops.runbooks.schema import Action, Runbook, Step, Undo

NOT_EXECUTED = "shown only: what was done stands with its response"
Refuses = Callable[[str, Mapping[str, Any]], str]
"""Why the configuration would not let an action be done with what is known of what it is given; empty = it may."""
MAX_ARGUMENT_BYTES = 131_071
"""The longest argument that Linux passes to a program."""
SENT_SHOWN = 1000
"""So much of what is sent along is shown."""
_UP = re.compile(r"(?:^|[/=:@])\.\.(?=/|$)")
_DOTS = re.compile(r"/\.{1,2}(?=[/?#]|$)")


def anything(uses: str, given: Mapping[str, Any]) -> str:
    """Refuses nothing: where no configuration is known."""
    return ""


def plan(runbook: Runbook, context: Mapping[str, Any], refuses: Refuses = anything) -> tuple[list[dict[str, Any]], str]:
    """(steps as `shown`, impact) with every look-up that can be known replaced."""
    steps = [shown(step, context, refuses) for step in runbook.steps]
    for one in steps:
        one["why_not_executed"] = one.get("refused") or NOT_EXECUTED
    return steps, visible(str(render(runbook.notify.impact, context)))


def shown(step: Step, context: Mapping[str, Any], refuses: Refuses = anything) -> dict[str, Any]:
    """One step of a plan: {id, uses, effect, what, known} and, where it has them, if, undo, irreversible, refused.

    `known`: whether all that it is given can be told now, and whether it is done at all. `undo`: what would take it back.
    `refused`: why it would not be done as it stands, by what it is given or, then `unlisted`, by the configuration (`refuses`): a
    step that could not be taken back, or asked for after a crash, is not begun either.
    """
    what, refused = describe(step, context)
    unlisted = "" if refused else next(refusals_by(refuses, step, context), "")
    one: dict[str, Any] = {"id": step.id, "uses": step.uses, "effect": step.effect or "read", "what": what}
    one["known"] = not any(unknown_in(step, context))
    if step.if_:
        one["if"] = step.if_
    if step.undo is not None:
        one["undo"] = describe(step.undo, context)[0]
    if step.irreversible:
        one["irreversible"] = step.irreversible
    if refused or unlisted:
        one["refused"] = refused or unlisted
    if unlisted:
        one["unlisted"] = True
    return one


def refusals_by(refuses: Refuses, step: Step, context: Mapping[str, Any] | None) -> Iterator[str]:
    """What the configuration says against a step, against what takes it back, and against what asks whether it is done; without a
    `context`, by what stands in the file as it is."""
    for action, where in ((step, ""), (step.undo, "its undo: ")):
        if action is not None and (why := refuses(action.uses, _settled(action.uses, action.with_, context))):
            yield f"{where}{why}"
    for one, where in ((step, "its check: "), (step.undo, "the check of its undo: ")):
        if one is not None and one.check is not None:
            uses, given = asks(one)
            if why := refuses(uses, _settled(uses, given, context)):
                yield f"{where}{why}"


def asks(one: Step | Undo) -> tuple[str, dict[str, Any]]:
    """(action, what it is given) of the question whether a step is done, or taken back, already; look-ups are not replaced."""
    check, given = one.check, one.with_
    if check is None:
        return "", {}
    if check.promql is not None:
        return "promql", {"query": check.promql}
    if check.url is not None:
        asked: dict[str, Any] = {"method": "GET", "url": check.url}
        return "http", asked | {key: given[key] for key in ("auth", "headers") if key in given}
    return "exec", {"argv": check.argv, **({"host": given["host"]} if "host" in given else {})}


def _settled(uses: str, given: Mapping[str, Any], context: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an action is given as far as it can be told now. Program and host stand in every file as they are."""
    if uses in ("compute", "promql"):
        return {}
    out = {}
    for key, value in given.items():
        found = _look_ups(value)
        if key in ("argv", "url") or not (found if context is None else any(_unknown(found, context))):
            out[key] = LOOK_UP.sub("x", value) if key == "url" else render(value, context or {})
    return out


def _look_ups(value: Any) -> list[str]:
    return [found for text in _texts(value) for found in LOOK_UP.findall(text)]


def unknown_in(step: Step, context: Mapping[str, Any]) -> Iterator[str]:
    """What a step looks at, in its condition, in CEL and in what it is given, that nobody knows yet."""
    cel = [step.if_ or ""] + ([str(v) for v in step.with_.values()] if step.uses == "compute" else [])
    yield from _unknown([".".join(path.split(".")[:2]) for text in cel for path in references(text)], context)
    yield from unknown_given(step, context)


def unknown_given(action: Action, context: Mapping[str, Any]) -> Iterator[str]:
    """Look-ups of what an action is given that find nothing: of a step that was skipped, or of what a step did not give."""
    if action.uses not in ("compute", "promql"):
        yield from _unknown(_look_ups(action.with_), context)


def _unknown(paths: Iterable[str], context: Mapping[str, Any]) -> Iterator[str]:
    for path in paths:
        try:
            resolve(path, context)
        except NotKnown:
            yield path


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


def describe(step: Action, context: Mapping[str, Any]) -> tuple[str, str]:
    """One line saying what an action would do, and why it may not, if so. A command is quoted as a shell would read it."""
    if step.uses == "exec":
        argv, refused = rendered_argv(step.with_["argv"], context)
        host, elsewhere = rendered_host(step.with_.get("host", ""), context)
        command = shlex.join([*_variables(step.with_, context), *(visible(one) for one in argv)])
        where = f"on {visible(host)}: " if host else ""
        return f"{where}{command}{_json(' < ', step.with_, 'stdin_json', context)}", refused or elsewhere
    if step.uses == "http":
        url, refused = rendered_url(step.with_["url"], context)
        sent = render(step.with_.get("headers") or {}, context)
        headers = "".join(f" {visible(f'{name}: {plain(value)}')}" for name, value in sent.items())
        return f"{step.with_['method']} {visible(url)}{headers}{_json(' ', step.with_, 'json', context)}", refused
    if step.uses == "promql":
        target = context.get("target", {})
        return visible(query_for(step.with_["query"], target, list(target))), ""
    if step.uses == "compute":
        return visible("; ".join(f"{k} = {v}" for k, v in step.with_.items())), ""
    given = render(step.with_, context)
    return visible(f"{step.uses} {', '.join(f'{k}: {plain(v)}' for k, v in given.items())}", SENT_SHOWN), ""


def _variables(given: Mapping[str, Any], context: Mapping[str, Any]) -> list[str]:
    """What stands in a program's environment, secrets by their names."""
    env = [visible(f"{name}={plain(value)}") for name, value in render(given.get("env") or {}, context).items()]
    return [*env, *(f"{name}=[secret {one['secret']}]" for name, one in (given.get("secrets_env") or {}).items())]


def _json(before: str, given: Mapping[str, Any], key: str, context: Mapping[str, Any]) -> str:
    """What is sent along, on one line."""
    return before + visible(json.dumps(render(given[key], context), default=str), SENT_SHOWN) if key in given else ""


def rendered_argv(argv: list[str], context: Mapping[str, Any]) -> tuple[list[str], str]:
    """One argument for each of the author's, and a refusal when a value would be read as an option or cannot be passed."""
    out, refused, after_dashes = [], "", False
    for written in argv:
        value = plain(render(written, context))
        if LOOK_UP.search(written):
            option = value.startswith("-") and not written.startswith("-") and not after_dashes
            refused = refused or _not_passed(value, option) or _climbs(written, value)
        after_dashes |= written == "--"
        out.append(value)
    return out, refused


def _not_passed(value: str, option: bool) -> str:
    if "\0" in value:
        return "an argument holds a NUL character"
    if len(value.encode("utf-8", "surrogatepass")) > MAX_ARGUMENT_BYTES:
        return f"an argument has more than {MAX_ARGUMENT_BYTES} bytes"
    if option:
        return f"the value {visible(value)} would be read as an option; put -- before it"
    return "" if value else "an argument is empty: the warning has no such label"


def _climbs(written: str, value: str) -> str:
    """Why a path with a value in it leads elsewhere; a value that is the whole argument is the author's to judge."""
    fixed = LOOK_UP.sub("x", written)
    if LOOK_UP.fullmatch(written) or "/" not in fixed or len(_UP.findall(value)) <= len(_UP.findall(fixed)):
        return ""
    return "a value would lead out of its folder"


def rendered_host(written: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Where a program would run, and a refusal when that is no host name: it could be read as an option or a command."""
    host = plain(render(written, context))
    fits = not host or re.fullmatch(r"[A-Za-z0-9\[<][A-Za-z0-9_.:\[\]<> -]{0,252}", host)
    return host, "" if fits else f"{visible(host)} is no host"


def rendered_url(written: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """A URL with each value percent-encoded, and a refusal when a value would climb out of its folder."""
    url = str(render(written, context, lambda value: quote(value, safe="")))
    climbs = len(_DOTS.findall(url)) > len(_DOTS.findall(LOOK_UP.sub("x", written)))
    return url, "a value would lead out of its folder" if climbs else ""
