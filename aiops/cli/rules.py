"""`aiops rules`: which alerting rules can be anticipated, and by which margin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiops.cli.said import BearerTokenFile, CaFile, Out, PasswordFile, Username, emit, fail, failing, login

if TYPE_CHECKING:
    from aiops.core.errors import Mistake
    from aiops.rules.compiler import Compiled
    from aiops.rules.files import AlertingRule

rules_app = typer.Typer(no_args_is_help=True, help="Alerting rules: which can be anticipated, and by which margin.")
Files = Annotated[list[Path], typer.Argument(help="Prometheus rule files, or folders with them")]
Compared = tuple["AlertingRule", "Compiled"]


@rules_app.command("margin")
def margin(files: Files, output: Out = "text") -> None:
    """Compile alerting rules into margins: above 0 where a rule fires. Exit 1 when a file has a mistake."""
    _show(files, output, _margin_row, _margin_text)


@rules_app.command("list")
def list_rules(
    files: Annotated[list[Path] | None, typer.Argument(help="Prometheus rule files, or folders with them")] = None,
    prometheus: Annotated[str, typer.Option("--prometheus", help="URL of a server; instead of files the rules that it has")] = "",
    bearer_token_file: BearerTokenFile = None,
    username: Username = "",
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    output: Out = "text",
) -> None:
    """List alerting rules, and whether each can be anticipated or why not. Exit 1: a file has a mistake; 3: unreachable."""
    if bool(files) == bool(prometheus):
        raise typer.BadParameter("give files, or --prometheus URL", param_hint="FILES")
    if not prometheus:
        _show(files or [], output, _list_row, _list_text)
        return
    found = _served(prometheus, login(bearer_token_file, username, password_file, ca_file))
    if output == "json":
        for one in found:
            emit(_list_row(*one))
        return
    for line in _list_text(found):
        typer.echo(line)


def _served(url: str, auth: dict[str, Any]) -> list[Compared]:
    """The alerting rules of a server. Ends the command where it cannot be asked."""
    from aiops.cli.scan import from_url
    from aiops.core.errors import SourceError
    from aiops.rules.served import served_in
    from aiops.scan.scan import Options

    with failing(2):
        source, _ = from_url(url, auth, Options())
        try:
            served = served_in(source.alerting_rules(), source.name)
        except SourceError as e:
            fail(str(e), 3)
        finally:
            source.close()
    return [(one.rule, one.compiled) for one in served]


def _show(files: list[Path], output: str, row: Any, lines: Any) -> None:
    mistakes: list[Mistake] = []
    found = _compiled(files, mistakes)
    if output == "json":
        for one in found:
            emit(row(*one))
    else:
        for line in lines(list(found)):
            typer.echo(line)
    for mistake in sorted(set(mistakes)):
        typer.echo(str(mistake), err=True)
    raise typer.Exit(1 if mistakes else 0)


def _compiled(files: list[Path], mistakes: list[Mistake]) -> Iterator[Compared]:
    """Every alerting rule with what became of it, file by file; what is wrong in a file is added to `mistakes`."""
    from aiops.config.yaml_file import yaml_files
    from aiops.core.errors import FileError
    from aiops.rules.compiler import Compiled, compile_rule
    from aiops.rules.files import read_rules
    from aiops.rules.parse import NotPromQL

    for path in yaml_files(files):
        try:
            file = read_rules(path)
        except FileError as e:
            mistakes += e.mistakes
            continue
        mistakes += file.mistakes
        for rule in file.rules:
            try:
                yield rule, compile_rule(rule.expr, rule.labels)
            except NotPromQL as e:
                yield rule, Compiled(reason="unsupported_syntax", detail=str(e))


def _margin_row(rule: AlertingRule, found: Compiled) -> dict[str, Any]:
    leaves = [{"expr": leaf.expr, "op": leaf.op, "limit": leaf.limit, "role": leaf.role} for leaf in found.leaves]
    return {
        "file": rule.file, "group": rule.group, "alert": rule.alert, "expr": rule.expr, "forecastable": found.forecastable,
        "margin": found.margin, "target": found.target, "leaves": leaves, "reason": found.reason, "for_s": _number(rule.for_s),
    }  # fmt: skip


def _list_row(rule: AlertingRule, found: Compiled) -> dict[str, Any]:
    return {
        "file": rule.file, "line": rule.line, "group": rule.group, "alert": rule.alert, "labels": dict(rule.labels),
        "for_s": _number(rule.for_s), "keep_firing_for_s": _number(rule.keep_firing_for_s),
        "forecastable": found.forecastable, "reason": found.reason, "detail": found.detail,
    }  # fmt: skip


def _number(value: float) -> float | int:
    return int(value) if math.isfinite(value) and value == int(value) else value


def _margin_text(found: list[Compared]) -> Iterator[str]:
    from aiops.core.text import visible
    from aiops.rules.formula import compared
    from aiops.rules.judge import REASONS

    for rule, compiled in found:
        yield f"{visible(rule.file, 400)}:{rule.line}: {visible(rule.alert, 200)}"
        if not compiled.forecastable:
            detail = f" ({visible(compiled.detail, 300)})" if compiled.detail else ""
            yield f"  cannot be anticipated: {compiled.reason}, {REASONS[compiled.reason or '']}{detail}"
            continue
        yield f"  margin    {visible(compiled.margin or '', 20_000)}"
        if compiled.target is not None:
            yield f"  target    {visible(compiled.target, 20_000)}"
        for leaf in compiled.leaves:
            steps = ", in steps" if leaf.steps else ""
            yield f"  {leaf.role:<9} {visible(compared(leaf), 20_000)}{steps}"


def _list_text(found: list[Compared]) -> Iterator[str]:
    from aiops.core.durations import text
    from aiops.core.text import visible

    rows = [
        (visible(rule.alert, 60), compiled.reason or "yes", text(rule.for_s), visible(rule.file, 200))
        for rule, compiled in found
    ]
    yield from _table(("alert", "can be anticipated", "for", "file"), rows)
    yes = sum(compiled.forecastable for _, compiled in found)
    yield f"{yes} of {len(found)} rules can be anticipated"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
