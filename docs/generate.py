"""Writes the parts of the documentation that the code knows: `python docs/generate.py`; `--check` only compares.

Such a part stands between `<!-- generated: NAME -->` and `<!-- end -->`. `--demo` also plays the demo into README.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aiops import plugins
from aiops.config.environment import variables
from aiops.config.fields import is_duration
from aiops.config.messages import model_in
from aiops.config.settings import Settings
from aiops.core.durations import text as duration
from aiops.core.quantity import quantity

ROOT = Path(__file__).resolve().parent.parent
FIGURES = {
    "Forecast of limits: exhaustion": "docs/models/exhaustion.md",
    "Detection of what is unlike usual: seasonal": "docs/models/seasonal.md",
    "Forecast of loads: combined": "docs/models/combined.md",
    "Forecasts of the second tier": "docs/models/second_tier.md",
    "What a turn keeps": "docs/operating.md",
    "Alerts foreseen: drills": "docs/drills.md",
    "Confidence and intervals: what is told": "docs/judging.md",
}
"""What the page of figures shows, in order, and from where: what stands there between `<!-- figures -->` and its end."""
SHOWN = re.compile(r"<!-- figures -->\n(.*?)<!-- end of figures -->", re.S)
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.S)
OWN_DEFAULTS = {"data_dir": "`/var/lib/aiops`, or `aiops` in the XDG data directory", "instance": "the host's name"}


def documents() -> list[Path]:
    """Every page of the documentation."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def fields(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key that a person can write, dotted, in order; `<name>` is a name that people choose, `[]` one of a list."""
    for name, field in model.model_fields.items():
        key, inner = f"{above}{field.alias or name}", model_in(field.annotation)
        if name == "params" and hasattr(model, "_gather"):  # they stand beside the other keys
            continue
        yield key, field
        if inner is not None and inner is not model:  # a tree has the same keys all the way down
            kind = get_origin(field.annotation)
            yield from fields(inner, key + {dict: ".<name>.", list: "[]."}.get(kind, "."))


def default(field: FieldInfo, key: str = "") -> str:
    """The default as it is written in a file."""
    known = OWN_DEFAULTS.get(key)
    if known is not None:
        return known
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return ""
    if value is None or value == "" or value is PydanticUndefined:
        return ""
    if isinstance(value, dict | list | tuple):
        return "" if not value or _holds_models(value) else f"`{json.dumps(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{_written(value, field)}`"


def _holds_models(value: Any) -> bool:
    return any(isinstance(one, BaseModel) for one in (value.values() if isinstance(value, dict) else value))


def _written(value: Any, field: FieldInfo) -> str:
    if not isinstance(value, float):
        return str(value)
    return duration(value) if is_duration(field) and value else f"{value:g}"


def choices(annotation: Any) -> str:
    """The values that a key takes where they are a closed set."""
    if get_origin(annotation) is Annotated:
        return choices(get_args(annotation)[0])
    if get_origin(annotation) is Literal and len(get_args(annotation)) > 1:
        return ", ".join(f"`{one}`" for one in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return ", ".join(filter(None, (choices(one) for one in get_args(annotation))))
    if annotation is bool:
        return "`true`, `false`"
    return ""


def keys(model: type[BaseModel]) -> str:
    """Table of a model's keys."""
    rows = []
    for key, field in fields(model):
        values = choices(field.annotation)
        said = field.description or ""
        rows.append((f"`{key}`", default(field, key), said + (f" ({values})" if values and values not in said else "")))
    return table(("key", "default", "what"), rows)


def settings() -> str:
    """Every key of the config."""
    return keys(Settings)


def environment() -> str:
    """Every AIOPS_… variable."""
    return table(("variable", "what"), ((f"`{name}`", said) for name, said in variables(Settings).items()))


def plug_ins() -> str:
    """Every plug-in with its own parameters."""
    parts = []
    for group, kinds in plugins.BUILT_IN.items():
        for kind in kinds:
            found = plugins.load(group, kind)
            head = f"### {group[:-1]} `{kind}`\n\n{_first_sentence(found.__doc__)}\n"
            rows = [(f"`{k}`", default(f, k), f.description or "") for k, f in fields(found.Params)]
            parts.append(head + ("\n" + table(("key", "default", "what"), rows) if rows else ""))
    return "\n".join(parts)


def _first_sentence(doc: str) -> str:
    return " ".join(doc.split("\n\n")[0].split())


def card() -> str:
    """Every key of a model card."""
    from aiops.models.card import ModelCard

    return keys(ModelCard)


def alerts_card() -> str:
    """Every key of a card that forecasts alerting rules."""
    from aiops.models.alerts_card import AlertsCard

    return keys(AlertsCard)


def runbook() -> str:
    """Every key of a runbook."""
    from aiops.runbooks import Runbook

    return keys(Runbook)


def commands() -> str:
    """Every command with its arguments and options."""
    from typer.main import get_command

    from aiops.cli.app import app

    return "\n".join(_command(words, found) for words, found in walk(get_command(app), "aiops") if words != "aiops")


def walk(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    """(words, command) of every command and group below."""
    yield words, command
    for name, one in getattr(command, "commands", {}).items():
        yield from walk(one, f"{words} {name}")


def _command(words: str, command: Any) -> str:
    if hasattr(command, "commands"):
        return f"## {words}\n\n{command.help}\n"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([words, *(_argument(p) for p in arguments)])
    rows = [(f"`{_argument(p)}`", _default_of(p), p.help or "") for p in arguments]
    rows += [
        (", ".join(f"`{o}`" for o in p.opts), _default_of(p), p.help or "")
        for p in command.params if p.param_type_name == "option" and p.name != "help"
    ]  # fmt: skip
    return f"### `{usage}`\n\n{command.help}\n" + ("\n" + table(("", "default", "what"), rows) if rows else "")


def _argument(parameter: Any) -> str:
    name = parameter.name.upper() + ("…" if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _default_of(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value is None or value is False or value == ():
        return ""
    return f"`{getattr(value, 'value', value)}`"


def metrics() -> str:
    """Every metric of the daemon."""
    from aiops.daemon.metrics import METRICS

    rows = [
        (f"`{m.name}{'_total' if m.type == 'counter' else ''}`", m.type, ", ".join(f"`{one}`" for one in m.labels), m.help)
        for m in METRICS
    ]
    return table(("metric", "type", "labels", "what"), rows)


@cache
def schema() -> dict[str, Any]:
    """The schema of the HTTP API."""
    from aiops.daemon.daemon import Daemon
    from aiops.web.app import make_app

    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Settings(data_dir=Path(folder)))
        try:
            return make_app(daemon).openapi()
        finally:
            daemon.stop()


def doors() -> str:
    """Every route with what it asks of whoever comes."""
    from fastapi.routing import APIRoute

    from aiops.daemon.daemon import Daemon
    from aiops.web.access.access import LEAVES, Needs
    from aiops.web.app import make_app

    about = {"open": "", "team": "their teams", "all": "every team"}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Settings(data_dir=Path(folder)))
        try:
            routes = [one for one in make_app(daemon).routes if isinstance(one, APIRoute)]
        finally:
            daemon.stop()
    for route in routes:
        needs = next((d.call for d in route.dependant.dependencies if isinstance(d.call, Needs)), None)
        name = f"`{' '.join(sorted(route.methods))} {route.path}`"
        if needs is None:
            rows.append((name, "nothing", "", ""))
        else:
            whole = "every team" if needs.auditor else about[needs.scope]
            kept = needs.audit and needs.audit != LEAVES
            rows.append((name, "auditor" if needs.auditor else needs.role, whole, f"`{needs.audit}`" if kept else ""))
    return table(("route", "asks for", "of", "in the ledger"), sorted(rows, key=lambda row: row[0].split()[-1]))


def openapi() -> str:
    """The schema as a file."""
    return json.dumps(schema(), indent=1) + "\n"


def routes() -> str:
    """Every route of the HTTP side that is part of the API."""
    rows = [
        (f"`{method.upper()} {path}`", ", ".join(f"`{p['name']}`" for p in one.get("parameters", ()) if p["in"] == "query"),
         one["summary"])
        for path, methods in schema()["paths"].items() for method, one in methods.items()
    ]  # fmt: skip
    return table(("route", "query", "what"), rows)


def shipped_cards() -> str:
    """The cards that come with the daemon."""
    from aiops.config.shipped import models_dir

    return _shelf(models_dir())


def library() -> str:
    """The cards that come for other systems, shelf by shelf."""
    from aiops.config.shipped import models_dir, shelves

    return "\n".join(f"### {shelf.name}\n\n{_shelf(shelf)}" for shelf in shelves(models_dir())[1:])


def _shelf(folder: Path) -> str:
    from aiops.cli.check_match import refusal
    from aiops.config.shipped import models_dir, runbooks_dir, shelves
    from aiops.models.card import load_cards
    from aiops.runbooks import load_runbooks

    rows, below = [], folder.relative_to(models_dir().parent).as_posix()
    books = load_runbooks(shelves(runbooks_dir()))
    for one in load_cards([folder]):
        limit = one.limit
        told = "unusual" if limit is None else f"{'above' if limit.is_above else 'below'} {quantity(limit.number, one.unit)}"
        answer = next(book for book in books if not refusal(book, one))
        where = Path(answer.path).relative_to(ROOT).as_posix()
        rows.append((f"[`{one.name}`](../{below}/{one.name}.yaml)", one.summary, told, f"[{answer.name}](../{where})"))
    return table(("card", "what will happen", "limit", "what to do"), rows)


def demo() -> str:
    """What `aiops demo --once` prints, without most of the quiet lines."""
    from aiops.backtest.demo import play, sentence

    lines = [(line.event, sentence(line)) for line in play()]
    first = next(i for i, (event, _) in enumerate(lines) if event != "history")
    shown = [said for i, (event, said) in enumerate(lines) if event != "history" or i in (0, first - 1)]
    return "```text\n$ aiops demo --once\n" + "\n".join(shown) + "\n```\n"


def figures() -> str:
    """The measured passages of other pages, losses included: each number is written once, where the model is explained."""
    parts = []
    for title, name in FIGURES.items():
        passages = SHOWN.findall((ROOT / name).read_text("utf-8"))
        parts.append(f"## {title}\n\nFrom [{name}]({name.removeprefix('docs/')}).\n\n" + "\n".join(passages))
    return "\n" + "\n".join(_moved(part) for part in parts)


def _moved(passage: str) -> str:
    """Links as they are one folder up."""
    return passage.replace("](../", "](")


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings, "environment": environment, "plug-ins": plug_ins, "card": card, "alerts-card": alerts_card,
    "runbook": runbook, "commands": commands, "metrics": metrics, "routes": routes, "doors": doors,
    "shipped-cards": shipped_cards, "library": library, "figures": figures,
}  # fmt: skip


FILES: dict[str, Callable[[], str]] = {"docs/openapi.json": openapi}
"""What is generated whole."""


def generated(page: str, parts: dict[str, Callable[[], str]]) -> str:
    """The page with its generated parts as they should be; parts that are not asked for stay."""

    def filled(found: re.Match[str]) -> str:
        name = found["name"]
        return f"{found[1]}{parts[name]() if name in parts else found['body']}{found[4]}"

    return PART.sub(filled, page)


def main() -> int:
    """Write, or compare and exit 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is not as it should be")
    parser.add_argument("--demo", action="store_true", help="play the demo into README.md as well")
    asked = parser.parse_args()
    parts = PARTS | ({"demo": demo} if asked.demo else {})
    stale = []
    for path in documents():
        old = path.read_text("utf-8")
        new = generated(old, parts)
        if new != old:
            stale.append(path.relative_to(ROOT).as_posix())
            if not asked.check:
                path.write_text(new, "utf-8")
    for name, made in FILES.items():
        path, new = ROOT / name, made()
        if not path.is_file() or path.read_text("utf-8") != new:
            stale.append(name)
            if not asked.check:
                path.write_text(new, "utf-8")
    if stale:
        print(("not as the code says, run `make docs`: " if asked.check else "written: ") + ", ".join(stale))
    return int(asked.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
