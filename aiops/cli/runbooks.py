"""`aiops runbooks`: what its author asks: which there are, whom they fit and why not, what they would do and would have done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, emit, fail, failing, settings_of, span_of

if TYPE_CHECKING:
    from aiops.config.settings import Settings
    from aiops.core.records import EarlyWarning
    from aiops.runbooks import Runbook
    from aiops.runbooks.match import Refusal, Subject
    from aiops.runbooks.plan import Refuses
    from aiops.runbooks.reach import Reach
    from aiops.store.response_rows import Run

runbooks_app = typer.Typer(no_args_is_help=True, help="Runbooks: list, explain, plan, try on the past, export.")
Name = Annotated[str, typer.Argument(help="the runbook's name")]
About = Annotated[str, typer.Argument(help="the id of an early warning, or the beginning of it; not with --symptom")]
SymptomFile = Annotated[Path | None, typer.Option("--symptom", help="a JSON file: kind, signal, labels, … as in a test")]
Since = Annotated[str, typer.Option(help="how far back, for example 30d")]
AT_MOST, WHOLE = 100_000, 4000


@runbooks_app.command("list")
def list_all(config: ConfigPath = None, output: Out = "text") -> None:
    """List the runbooks with what they match, how far they may go, and who answers for them."""
    for one in _loaded(settings_of(config)):
        m = one.match
        if output == "json":
            emit(
                {
                    "name": one.name, "summary": one.summary, "mode": one.mode, "enabled": one.enabled, "kind": m.kind,
                    "signal": m.signal, "card": m.card, "owner": one.owner.team, "reviewed": one.owner.reviewed or None,
                    "sha": one.sha, "path": one.path, "steps": len(one.steps), "tests": len(one.tests),
                    "writes": sum(step.effect == "write" for step in one.steps),
                }
            )  # fmt: skip
        else:
            off = "" if one.enabled else " (switched off)"
            typer.echo(f"{one.name:36} {one.mode:8} {m.kind:9} {m.signal or m.card or '':32} {one.owner.team}{off}")


@runbooks_app.command("show")
def show(name: Name, config: ConfigPath = None, output: Out = "text") -> None:
    """Show one runbook: what it is for, what it does, what guards it."""
    one = _named(_loaded(settings_of(config)), name)
    if output == "json":
        emit({**one.model_dump(mode="json", by_alias=True, exclude_none=True), "sha": one.sha, "path": one.path})
        return
    typer.echo(f"{one.name}@{one.sha} ({one.mode}), of {one.owner.team}: {one.path}\n{one.summary}\n")
    typer.echo(Path(one.path).read_text("utf-8").rstrip())


@runbooks_app.command("explain")
def explain(
    warning: About = "", symptom: SymptomFile = None, config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text"
) -> None:
    """Say of every runbook whether it fits a warning, how far it may go, by whose word, which of its steps would be refused; if
    it does not fit, which line refuses and the two values."""
    from aiops.core.text import visible
    from aiops.runbooks.match import context_of
    from aiops.runbooks.past import explained
    from aiops.runbooks.plan import plan as planned

    settings = settings_of(config, data_dir)
    about, refuses = _about(settings, warning, symptom), _refuses(settings)
    for one, refused in explained(_loaded(settings), about.subject):
        allowed, refused, run = about.reach(one), [*about.against, *refused], about.answers.get(one.name)
        lines = [{"line": r.line, "wanted": r.wanted, "got": r.got} for r in refused]
        steps = [] if refused else planned(one, context_of(about.subject, one.target_by), refuses)[0]
        not_done = {step["id"]: step["refused"] for step in steps if step.get("refused")}
        if output == "json":
            answer = None if run is None else {"id": run.id, "state": run.state, **_why(run)}
            said = {"runbook": one.name, "fits": not refused, "refused": lines, "steps_refused": not_done, "response": answer}
            emit({**said, **allowed.as_json()})
        else:
            why = "; ".join(f"{r.line} wants {r.wanted}, got {visible(r.got) or 'none'}" for r in refused)
            but = "".join(f"\n  step {name} would be refused: {visible(said)}" for name, said in not_done.items())
            if run is not None:
                came = _why(run)["why"]
                but += f"\n  response {run.id} is {run.state}{f': {visible(came, WHOLE)}' if came else ''}"
            typer.echo(f"{one.name}: {why or f'fits, {visible(allowed.words(), WHOLE)}'}{but}")


@runbooks_app.command("plan")
def plan(
    name: Name, warning: About = "", symptom: SymptomFile = None, config: ConfigPath = None, data_dir: DataDir = None,
    output: Out = "text",
) -> None:  # fmt: skip
    """Show exactly what a runbook would do about a warning; nothing is sent. Exit 1 when it does not fit."""
    from aiops.core.plan_text import plan_line
    from aiops.core.text import visible
    from aiops.runbooks.match import context_of, refusals
    from aiops.runbooks.plan import plan as planned

    settings = settings_of(config, data_dir)
    one, about = _named(_loaded(settings), name), _about(settings, warning, symptom)
    refused = [*about.against, *refusals(one, about.subject)]
    steps, impact = planned(one, context_of(about.subject, one.target_by), _refuses(settings))
    allowed = about.reach(one)
    for step in steps:
        step["why_not_executed"] = step.get("refused") or _held(one, step, allowed) or step["why_not_executed"]
    if output == "json":
        for step in steps:
            emit(step)
    else:
        typer.echo(f"impact: {impact}\n{visible(allowed.words(), WHOLE)}")
        for i, step in enumerate(steps, 1):
            open_ = "" if step["known"] else "\n   not knowable before the steps that it looks at have run"
            held = "" if step.get("refused") else _held(one, step, allowed)
            typer.echo(f"{i}. {plan_line(step, WHOLE)}{f' ({visible(held)})' if held else ''}{open_}")
    if refused:
        fail("; ".join(f"it does not fit: {r.line} wants {r.wanted}, got {visible(r.got) or 'none'}" for r in refused), 1)


@runbooks_app.command("replay")
def replay(
    since: Since = "30d", name: Annotated[str, typer.Option(help="only this runbook")] = "", config: ConfigPath = None,
    data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Say what the runbooks would have done about the warnings that were kept, as far as configuration, stage and kill switch let
    them, with their limits counted over time."""
    from aiops.cli.reaching import Reaching
    from aiops.core.durations import rfc3339
    from aiops.core.text import visible
    from aiops.runbooks.past import replayed

    settings = settings_of(config, data_dir)
    books = _loaded(settings)
    chosen = [_named(books, name)] if name else books
    found = replayed(chosen, _warnings(settings, since), Reaching.of(settings).then)
    for one in found:
        if output == "json":
            emit(one.as_json())
            continue
        target = visible(" ".join(one.target.values()))
        unknown = f" (not known: {', '.join(one.unknown)})" if one.unknown else ""
        because = f": {one.because}" if one.because else ""
        by = f" (mode {one.mode} by {' and '.join(one.by)})"
        said = f"{one.would}{visible(because, WHOLE) if because else by}{unknown}"
        typer.echo(f"{rfc3339(one.at_s)}  {one.warning_id}  {one.runbook} on {target or '-'}  {said}")
    if not found and output != "json":
        typer.echo("no warning of that time fits a runbook")


@runbooks_app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="a folder or file with the earlier runbooks, or a git revision")],
    after: Annotated[str, typer.Argument(help="those to compare with; default: the ones of the config")] = "",
    since: Since = "30d",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say what an edit changes for the warnings that were kept: who fits, in which mode, with which plan. Exit 1 if anything."""
    from aiops.runbooks.past import compared

    settings = settings_of(config, data_dir)
    old = _edition(settings, before)
    new = _edition(settings, after) if after else _loaded(settings)
    found = compared(old, new, _warnings(settings, since))
    for one in found:
        if output == "json":
            emit(one.as_json())
        else:
            typer.echo(f"{one.warning_id} {one.card}: {one.runbook}\n  before: {one.before}\n  after:  {one.after}")
    if found:
        raise typer.Exit(1)
    if output != "json":
        typer.echo("nothing changes for the warnings of that time")


@runbooks_app.command("export")
def export(
    name: Name, cacao: Annotated[bool, typer.Option("--cacao", help="as a CACAO 2.0 playbook")] = False,
    config: ConfigPath = None, output: Out = "json",
) -> None:  # fmt: skip
    """Write a runbook as JSON for other systems: a CACAO playbook with --cacao, else its own keys; -o text: over many lines."""
    from aiops.runbooks.cacao import playbook

    one = _named(_loaded(settings_of(config)), name)
    whole = playbook(one) if cacao else one.model_dump(mode="json", by_alias=True, exclude_none=True)
    emit(whole, indent=output == "text")


def _loaded(settings: Settings, paths: Iterable[Path] = ()) -> list[Runbook]:
    """The runbooks of the config; all that are shipped when it names none."""
    from aiops.config.shipped import runbooks_dir, shelves
    from aiops.runbooks import load_runbooks

    with failing():
        return load_runbooks(list(paths) or settings.runbooks or shelves(runbooks_dir()))


def _named(runbooks: list[Runbook], name: str) -> Runbook:
    for one in runbooks:
        if one.name == name:
            return one
    fail(f"no runbook {name!r}; `aiops runbooks list` names {len(runbooks)}", 1)


def _refuses(settings: Settings) -> Refuses:
    """What the configuration does not let actions do."""
    from aiops.responses.catalogue import Actions

    return Actions(settings.responses.actions).refuses


def _held(one: Runbook, step: Mapping[str, Any], allowed: Reach) -> str:
    """What stands between a step that changes something and its being done."""
    if step["effect"] != "write" or allowed.mode == "auto":
        return ""
    if allowed.mode == "approve" and one.approval is not None:
        return f"{', '.join(one.approval.from_)} must say yes first"
    return f"only shown: mode {allowed.mode} by {' and '.join(allowed.by)}"


def _why(run: Run) -> dict[str, str]:
    """Which guard stopped a response, or what else became of it, and the two values."""
    return {"because": str(run.body.get("because", "")), "why": str(run.body.get("why", ""))}


class _About(NamedTuple):
    """What is asked about, a kept warning as it is now or the symptom in a file. `reach`: how far a runbook may go for it;
    `against`: what stands against every runbook; `answers`: what has begun about it already, by runbook."""

    subject: Subject
    reach: Callable[[Runbook], Reach]
    against: Sequence[Refusal] = ()
    answers: Mapping[str, Run] = MappingProxyType({})


def _about(settings: Settings, warning: str, symptom: Path | None) -> _About:
    """What is asked about."""
    from aiops.cli.reaching import Reaching
    from aiops.pipeline.respond import why_not
    from aiops.runbooks.match import Subject
    from aiops.store import Store
    from aiops.store.responses import Responses

    if bool(warning) == (symptom is not None):
        fail("name a warning, or a file with --symptom", 2)
    with failing():
        reaching = Reaching.of(settings)
        if symptom is not None:
            given = _given(symptom)
            stage = reaching.stage_of(given.card)
            return _About(given, lambda runbook: reaching.of_symptom(runbook, given, stage))
        with closing(Store.reading(settings.store.url, settings.data_dir)) as store:
            found = store.warning(warning)
            begun = Responses(store).newest(warning_id=found.id) if found is not None else []
    if found is None:
        fail(f"no warning, or more than one, begins with {warning!r}; see `aiops warnings list`", 1)
    now = time.time() if found.state == "open" else found.updated_s
    against = why_not(found, now) if found.state == "open" else None
    answers = {run.runbook: run for run in reversed(begun)}
    return _About(
        Subject.of(found, now), lambda runbook: reaching.of_warning(runbook, found), [against] if against else [], answers
    )


def _given(file: Path) -> Subject:
    from pydantic import ValidationError

    from aiops.runbooks.match import Subject
    from aiops.runbooks.schema import GivenSymptom

    try:
        s = GivenSymptom.model_validate_json(file.read_bytes())
    except OSError as e:
        fail(f"{file}: cannot be read: {e.strerror}", 1)
    except ValidationError as e:
        first = e.errors()[0]
        fail(f"{file}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}", 1)
    return Subject(s.kind, s.signal, s.card, s.labels, s.lead_time, s.confidence, s.severity, float("inf"))


def _warnings(settings: Settings, since: str) -> list[EarlyWarning]:
    from aiops.store import Store

    after = time.time() - span_of(since)
    with failing(), closing(Store.reading(settings.store.url, settings.data_dir)) as store:
        return [one for one in store.warnings(limit=AT_MOST) if one.opened_s >= after and not one.members]


def _edition(settings: Settings, where: str) -> list[Runbook]:
    """Runbooks of a folder or file; of a git revision those at the config's paths as they were then."""
    import tempfile

    if Path(where).exists():
        return _loaded(settings, [Path(where)])
    with tempfile.TemporaryDirectory(prefix="aiops-diff-") as folder:
        files = list(_of_revision(settings, where, Path(folder)))
        if not files:
            fail(f"{where}: no runbook at that revision under the paths of the config", 1)
        return _loaded(settings, files)


def _of_revision(settings: Settings, revision: str, folder: Path) -> Iterator[Path]:
    """The files of a revision, written into `folder`; git is asked without a shell, and a revision is never an option."""
    for i, path in enumerate(settings.runbook_paths):
        inside = path if path.is_dir() else path.parent
        listed = _git(inside, "ls-tree", "-r", "-z", "--name-only", "--end-of-options", revision, "--", ".")
        for j, name in enumerate(listed.decode().split("\0")):
            if name.endswith((".yaml", ".yml")):
                into = folder / f"{i}-{j}-{Path(name).name}"
                into.write_bytes(_git(inside, "show", "--end-of-options", f"{revision}:./{name}"))
                yield into


def _git(folder: Path, *arguments: str) -> bytes:
    import subprocess

    revision = arguments[arguments.index("--end-of-options") + 1].partition(":")[0]
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, timeout=30).stdout
    except FileNotFoundError:
        fail("git is not installed; name a folder instead of a revision", 1)
    except subprocess.CalledProcessError as e:
        fail(f"{revision}: neither a folder nor a revision: {e.stderr.decode(errors='replace').strip()[:200]}", 1)
