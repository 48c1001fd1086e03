"""What an action may be given, judged on the file as it is written: fixed programs and hosts, no shell, no plain secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiops.config.fields import Found, at
from aiops.config.messages import did_you_mean

PROGRAM = r"^[A-Za-z0-9_./-]+$"
URL = r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/|$)"
USES = r"^(exec|http|compute|promql|wait|kubernetes\.[a-z_]+|plugin\.[a-z0-9_.-]+)$"
ACTIONS = ("exec", "http", "compute", "promql", "wait", "kubernetes.get", "kubernetes.scale", "plugin.name")
SECRET = r"^[a-z][a-z0-9-]{0,60}$"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
KEYS = {
    "exec": ("host", "argv", "env", "secrets_env", "stdin_json"),
    "http": ("method", "url", "headers", "auth", "json"),
    "promql": ("query",),
    "wait": ("for",),
}
NO_EFFECT = ("compute", "promql", "wait")
"""Actions that change nothing, and need not say so."""
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_INTERPRETERS = re.compile(r"(.*/)?(sh|bash|dash|ash|zsh|ksh|fish|su|python[0-9.]*|perl|ruby|node|php|sed|psql|mysql)")
_SCRIPT = re.compile(r"-[A-Za-z]*[ce]|--(command|eval|execute|expression)")
_REMOTE = re.compile(r"(.*/)?(ssh|rsh|eval)")


def mistakes_in(raw: Mapping[str, Any]) -> Found:
    """Every mistake in what one action, `{uses, with}`, is given."""
    uses, given = raw.get("uses"), raw.get("with", {})
    if isinstance(uses, str) and not re.fullmatch(USES, uses):
        yield ("uses",), f"no action {uses!r}{did_you_mean(uses, ACTIONS)}"
    if not isinstance(uses, str) or not re.fullmatch(USES, uses) or not isinstance(given, dict):
        return
    kind = uses.partition(".")[0]
    for key in given if kind in KEYS else ():
        if key not in KEYS[kind]:
            yield ("with", key), f"unknown key{did_you_mean(str(key), KEYS[kind])}"
    judge = {"exec": _exec, "http": _http, "compute": _compute, "promql": _promql, "kubernetes": _kubernetes}.get(kind)
    if judge is not None:
        for loc, text in judge(given):
            yield ("with", *loc), text


def of_step(raw: Mapping[str, Any]) -> Found:
    """What a step must say besides: whether it changes something, and then the three questions a reviewer asks."""
    uses, effect = raw.get("uses"), raw.get("effect")
    if effect is None and isinstance(uses, str) and uses not in NO_EFFECT and re.fullmatch(USES, uses):
        yield ("effect",), "is missing; write effect: read when nothing is changed, else write"
    if raw.get("timeout") is None and (uses in ("exec", "http") or effect == "write"):
        yield ("timeout",), "is missing; write for example timeout: 30s"
    if uses == "http" and effect == "read" and at(raw, "with", "method") in ("PUT", "PATCH", "DELETE"):
        yield ("effect",), f"{at(raw, 'with', 'method')} changes something; write effect: write"
    if effect != "write":
        return
    if raw.get("undo") is None and raw.get("irreversible") is None:
        yield ("undo",), "is missing in a write step; write undo: {uses, with}, or irreversible: with the reason"
    if raw.get("idempotent") is None and raw.get("check") is None:
        yield ("idempotent",), "is missing in a write step; write idempotent: true if it is safe to repeat, or a check"


def of_check(raw: Mapping[str, Any]) -> Found:
    """A check asks exactly one thing."""
    asked = [key for key in ("url", "argv", "promql") if raw.get(key) is not None]
    if len(asked) != 1:
        yield (asked[1],) if asked else (), "give exactly one of url, argv and promql"
    if isinstance(raw.get("url"), str) and not re.match(URL, raw["url"]):
        yield ("url",), "scheme and host must be fixed text; look-ups may stand in the path only"
    if raw.get("argv") is not None:
        yield from _argv(raw)


def _exec(given: Mapping[str, Any]) -> Found:
    if "argv" not in given:
        yield ("argv",), "is missing; write argv: [program, argument]; there is no shell"
        return
    yield from _argv(given)
    yield from _text_values(given, "env")
    secrets = given.get("secrets_env")
    for name, secret in secrets.items() if isinstance(secrets, dict) else ():
        yield from _secret(secret, ("secrets_env", name))


def _argv(given: Mapping[str, Any]) -> Found:
    argv = given["argv"]
    if not isinstance(argv, list) or not argv:
        yield ("argv",), "must be a list of texts, one argument each: [program, argument]; there is no shell"
        return
    for i, one in enumerate(argv):
        if not isinstance(one, str):
            yield ("argv", i), _quoted(one)
    if not isinstance(argv[0], str):
        return
    if not re.fullmatch(PROGRAM, argv[0]):
        yield ("argv", 0), "the program must be fixed text of letters, digits and _ . / -, never a look-up"
    for i, one in enumerate(argv):
        why = _injection(argv, i) if i and isinstance(one, str) and "${{" in one else ""
        if why:
            yield ("argv", i), why


def _injection(argv: list[Any], i: int) -> str:
    """Why a look-up must not stand in argument `i`; empty when it may."""
    if re.match(r"-{1,2}\$\{\{", argv[i]):
        return "a look-up must not name an option; write the option's name: --name=${{ … }}"
    if _REMOTE.fullmatch(argv[0]):
        return f"{argv[0]} reads its arguments as a command again, so a label could add one; run the program itself, with host:"
    if _INTERPRETERS.fullmatch(argv[0]) and isinstance(argv[i - 1], str) and _SCRIPT.fullmatch(argv[i - 1]):
        return "a look-up inside a script could add commands; pass it as an argument of its own after the script"
    return ""


def _http(given: Mapping[str, Any]) -> Found:
    if not isinstance(given.get("url"), str):
        yield ("url",), "is missing; write url: https://host/path" if "url" not in given else "must be text"
    elif not re.match(URL, given["url"]):
        yield ("url",), "scheme and host must be fixed text, like https://host/path; look-ups may stand in the path only"
    if given.get("method") not in METHODS:
        yield ("method",), f"must be one of {', '.join(METHODS)}"
    yield from _text_values(given, "headers")
    headers = given.get("headers")
    for name in headers if isinstance(headers, dict) else ():
        if str(name).lower() in _SECRET_HEADERS:
            yield ("headers", name), "secrets do not stand in a file; write auth: {bearer: {secret: name}}"
    auth = given.get("auth")
    if auth is None:
        return
    if not isinstance(auth, dict) or len(auth) != 1 or not set(auth) <= {"bearer", "basic"}:
        yield ("auth",), "must be {bearer: {secret: name}} or {basic: {secret: name}}"
        return
    for kind, secret in auth.items():
        yield from _secret(secret, ("auth", kind))


def _compute(given: Mapping[str, Any]) -> Found:
    if not given:
        yield (), "gives nothing; write name: CEL expression"
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            yield (name,), "must be a CEL expression or a number"


def _promql(given: Mapping[str, Any]) -> Found:
    if not isinstance(given.get("query"), str):
        yield ("query",), "is missing; write query: PromQL" if "query" not in given else "must be text"


def _kubernetes(given: Mapping[str, Any]) -> Found:
    for key in ("kind", "namespace", "name"):
        if key not in given:
            yield (key,), f"is missing; write {key}: which object is meant"


def _text_values(given: Mapping[str, Any], key: str) -> Found:
    found = given.get(key)
    if found is not None and not isinstance(found, dict):
        yield (key,), "must be a mapping of names to texts"
    for name, value in found.items() if isinstance(found, dict) else ():
        if not isinstance(value, str):
            yield (key, name), _quoted(value)


def _quoted(value: Any) -> str:
    if isinstance(value, dict | list):
        return "must be text"
    return f'must be text; put it in quotes: "{json.dumps(value)[:60]}"'


def _secret(given: Any, loc: tuple[str | int, ...]) -> Found:
    name = at(given, "secret")
    if not isinstance(given, dict) or set(given) != {"secret"} or not isinstance(name, str) or not re.fullmatch(SECRET, name):
        yield loc, "must be {secret: name}; the name has lower case letters, digits and -"
