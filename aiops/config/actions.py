"""`responses.actions` of the configuration: what is given to which action, judged and described like the rest of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from aiops import plugins
from aiops.config.fields import schema_of_file
from aiops.config.messages import did_you_mean
from aiops.config.yaml_file import Document, mistakes_of
from aiops.core.errors import AiopsError, Mistake

WHERE = ("responses", "actions")


def families() -> dict[str, str]:
    """The names under which parameters may stand, each with an action that takes them: `kubernetes` stands for all of its own."""
    known = plugins.catalogue("actions")
    return {name.partition(".")[0]: name for name in reversed(known)} | {name: name for name in known}


def action_mistakes(document: Document, given: Mapping[str, Any]) -> Iterator[Mistake]:
    """Names that are no action, and parameters that do not fit, each at its place in the file."""
    known = families()
    for name, params in given.items():
        loc = (*WHERE, name)
        if name not in known:
            yield document.mistake(loc, f"no action {name!r}{did_you_mean(name, sorted(known))}")
            continue
        try:
            model: type[BaseModel] = plugins.load("actions", known[name]).Params
            model.model_validate(params)
        except (AiopsError, ImportError, AttributeError) as e:
            yield document.mistake(loc, f"the action {name} cannot be had: {e}")
        except ValidationError as e:
            yield from mistakes_of(document, model, e, loc)


def schema_of_actions(definitions: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of what may stand there; parts that parameters share go to `definitions`."""
    properties = {}
    for name, action in sorted(families().items()):
        try:
            own = schema_of_file(plugins.load("actions", action).Params)
        except (AiopsError, ImportError, AttributeError):
            own = {"type": "object"}  # it cannot be loaded here: nothing is known of its parameters
        definitions |= own.pop("$defs", {})
        own.pop("$schema", None)
        properties[name] = own
    about = "parameters of actions, by name"
    return {"type": "object", "description": about, "properties": properties, "additionalProperties": False}
