"""The exact plan of a runbook for one warning. Label values are attacker text: each stays one literal argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiops.core.labels import escape
from aiops.core.text import visible
from aiops.runbooks.expressions import render
from aiops.runbooks.schema import Runbook, Step

NOT_EXECUTED = "shown only: nothing is executed yet"


def plan(runbook: Runbook, context: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """(steps as {id, uses, effect, what, …}, impact) with every look-up that can be known replaced."""
    steps = []
    for step in runbook.steps:
        what, refused = describe(step, context)
        shown = {"id": step.id, "uses": step.uses, "effect": step.effect or "read", "what": what}
        if step.if_:
            shown["if"] = step.if_
        if step.irreversible:
            shown["irreversible"] = step.irreversible
        shown["why_not_executed"] = refused or NOT_EXECUTED
        steps.append(shown)
    return steps, visible(str(render(runbook.notify.impact, context)))


def describe(step: Step, context: Mapping[str, Any]) -> tuple[str, str]:
    """One line saying what a step would do, and why it may not, if so."""
    if step.uses == "exec":
        argv, refused = rendered_argv(step.with_["argv"], context)
        host = render(step.with_.get("host", ""), context)
        return (f"on {visible(str(host))}: " if host else "") + " ".join(visible(a) for a in argv), refused
    if step.uses == "http":
        url = render(step.with_["url"], context, lambda value: quote(value, safe=""))
        return f"{step.with_['method']} {visible(url)}", ""
    if step.uses == "promql":
        return visible(str(step.with_.get("query", ""))), ""
    if step.uses == "compute":
        return "; ".join(f"{k} = {v}" for k, v in step.with_.items()), ""
    shown = render(step.with_, context)
    return visible(", ".join(f"{k}: {v}" for k, v in shown.items())), ""


def rendered_argv(argv: list[str], context: Mapping[str, Any]) -> tuple[list[str], str]:
    """One argument for each of the author's, and a refusal when a value would be read as an option or cannot be passed."""
    out, refused, after_dashes = [], "", False
    for written in argv:
        value = str(render(written, context))
        changed = value != written
        if changed and "\0" in value:
            refused = "an argument holds a NUL character"
        elif changed and value.startswith("-") and not written.startswith("-") and not after_dashes:
            refused = f"the value {visible(value)} would be read as an option; put -- before it"
        after_dashes |= written == "--"
        out.append(value)
    return out, refused


def target_selector(labels: Mapping[str, str], target_by: list[str]) -> str:
    """What stands for `$target`: matchers on the target's labels, their values escaped as PromQL needs."""
    return ",".join(f'{name}="{escape(labels.get(name, ""))}"' for name in target_by)
