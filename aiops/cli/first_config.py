"""A first configuration for a Prometheus, with the cards and runbooks of the failures that are watched there."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiops.cli.called import called
from aiops.cli.check import Hint, check
from aiops.cli.check_match import refusal
from aiops.config.shipped import models_dir, runbooks_dir, shelves
from aiops.core.durations import text
from aiops.core.errors import AiopsError
from aiops.core.labels import Matcher
from aiops.core.records import Block
from aiops.core.text import visible
from aiops.models.card import ModelCard, load_cards
from aiops.models.card_parts import Promotion
from aiops.rules.served import Served
from aiops.runbooks import load_runbooks
from aiops.scan.ask import Reader
from aiops.scan.cards import NO_SERIES, Seen, look, scraped_every_s, together
from aiops.scan.cards import Worth as CardWorth
from aiops.scan.limits import team_limit
from aiops.scan.record import Judged
from aiops.scan.rows import Row
from aiops.scan.scan import Options, Progress, Report, scan
from aiops.telemetry.prometheus import PrometheusSource

CONFIG, MODELS, RUNBOOKS = "aiops.yaml", "models", "runbooks"
EXISTING, FORESEEN = "existing_alerts", "foreseen_alerts"
QUICK_STEPS_S = (5, 15, 30)
BAR = Promotion()
SOURCE = "prometheus"
RULES_SHARE = 0.5
"""Of the time, for the rules; the rest is for the cards."""
USUAL_STEP_S = 60
RULES_TOLD = 20
"""Rules of which the configuration tells what they would have been worth, the best first."""
NO_OFFER = """None has yet shown over its last
# 14 days what it takes to become louder; `aiops init --dir` elsewhere looks again."""
OFFER = """These have shown over the last 14
# days what it takes to open tickets; write in place of the next line what you want:"""
_LIMIT = re.compile(r"limit: \{(above|below): [^{}]+\}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a server has: its rules as a scan sees them, the shipped cards as they are seen there, how often it scrapes."""

    report: Report
    cards: tuple[Seen, ...]
    every_s: float | None

    @property
    def rules(self) -> list[Served]:
        """Each alerting rule once."""
        return _rules_of(self.report)

    @property
    def anticipated(self) -> int:
        """How many of them can be anticipated."""
        return sum(one.compiled.forecastable for one in self.rules)

    @property
    def watched(self) -> tuple[Seen, ...]:
        """Cards that have series."""
        return tuple(one for one in self.cards if one.series)


def find(
    source: PrometheusSource, options: Options, now_s: int, progress: Progress = lambda what, share: None,
    admit: Callable[[Block], Block] = lambda block: block,
) -> Found:  # fmt: skip
    """Look at the rules first, then at what the shipped cards watch. Raises SourceError when the server does not answer."""
    until = time.monotonic() + options.total_s
    report = scan(source, Options(options.horizon_s, options.total_s * RULES_SHARE), now_s, progress, admit)
    reader = Reader(source, admit)
    rules = _rules_of(report)
    cards = look(reader, [_ours(card, rules) for card in load_cards(shelves(models_dir()))], now_s, until, progress)
    return Found(report, tuple(cards), scraped_every_s(reader, now_s, until))


def _rules_of(report: Report) -> list[Served]:
    return list({id(row.served): row.served for row in report.rows}.values())


def _ours(card: ModelCard, rules: Sequence[Served]) -> ModelCard:
    """The card with the limit of the team's own rule, if there is one."""
    own = team_limit(card, rules)
    if own is None or card.forecast is None:
        return card
    side = "above" if card.forecast.limit.is_above else "below"
    limit = card.forecast.limit.model_copy(update={side: own[0]})
    ours = card.model_copy(update={"forecast": card.forecast.model_copy(update={"limit": limit})})
    return ours


def write(folder: Path, found: Found, source: Mapping[str, Any], force: bool) -> list[Path]:
    """Put everything into `folder` once `aiops check` accepts it; what is there already is only replaced with `force`.

    Raises AiopsError.
    """
    if not found.watched and not found.anticipated:
        raise AiopsError("none of the shipped cards has series there, and no rule can be anticipated: nothing to write")
    files = texts(found, source)
    refuse_existing(folder, files, force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".init-", dir=folder) as name:
            trial = Path(name)
            _folders(trial)
            for path, content in files.items():
                (trial / path).write_text(content, "utf-8")
            mistakes = [one for one in check([], trial / CONFIG) if not isinstance(one, Hint)]
            if mistakes:
                raise AiopsError("what was made is not right, nothing is written: " + "; ".join(map(str, mistakes)))
            _folders(folder)
            for path in files:
                shutil.move(trial / path, folder / path)
    except OSError as e:
        raise AiopsError(f"{folder}: cannot be written: {e.strerror or e}") from e
    return [folder / path for path in files]


def _folders(folder: Path) -> None:
    for name in (MODELS, RUNBOOKS):
        (folder / name).mkdir(exist_ok=True)


def refuse_existing(folder: Path, files: Sequence[str] | Mapping[str, str], force: bool) -> None:
    """Raises AiopsError when one of the files is there and may not be replaced."""
    there = [str(folder / path) for path in files if (folder / path).exists()]
    if there and not force:
        raise AiopsError(f"{', '.join(there)}: there already; choose another --dir, or replace with --force")


def texts(found: Found, source: Mapping[str, Any]) -> dict[str, str]:
    """Relative path to content of every file."""
    cards = [seen.card for seen in found.watched]
    worths = dict(_rule_worths(found.report))
    foreseen = sorted(alert for alert, worth in worths.items() if worth.passes(BAR))
    out = {CONFIG: _config(found, source, worths, foreseen)}
    for seen in found.watched:
        out[f"{MODELS}/{Path(seen.card.path).name}"] = _card(seen, found.rules)
    if found.anticipated:
        said = f"The alerting rules of this server: {found.anticipated} of {len(found.rules)} can be anticipated"
        out[f"{MODELS}/{EXISTING}.yaml"] = _alerts_card(EXISTING, f"{said}.", "!~", foreseen, found.every_s)
    if foreseen:
        said = "Those that were foreseen of late."
        out[f"{MODELS}/{FORESEEN}.yaml"] = _alerts_card(FORESEEN, said, "=~", foreseen, found.every_s)
    for runbook in load_runbooks(shelves(runbooks_dir())):
        if not all(refusal(runbook, card) for card in cards):
            out[f"{RUNBOOKS}/{Path(runbook.path).name}"] = Path(runbook.path).read_text("utf-8")
    return out


def _alerts_card(name: str, said: str, operator: str, alerts: Sequence[str], every_s: float | None) -> str:
    pattern = "|".join(map(re.escape, alerts))
    match = f"[{_quoted(str(Matcher.make('alertname', operator, pattern)))}]" if alerts else "[]"
    return f"""\
# {said}
apiVersion: aiops/v1
kind: ModelCard
name: {name}
alerts: {{match: {match}}}   # matchers on the labels that a rule sets, for example 'severity=~"critical|warning"'
horizon: 1d
stage: shadow
{_quicker(every_s)}"""


def _quoted(text: str) -> str:
    """Text in double quotes, as YAML reads it back."""
    return "".join(map(_plain, json.dumps(text, ensure_ascii=False)))


def _plain(character: str) -> str:
    """A character that is shown as it is; any other as YAML's escape, which unlike JSON's is one beyond U+FFFF too."""
    code = ord(character)
    return character if character.isprintable() else f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def _quicker(every_s: float | None) -> str:
    """The step at which rises of minutes are told too, where the server is scraped as often."""
    step_s = next((step for step in QUICK_STEPS_S if every_s is not None and every_s <= step), None)
    if step_s is None:
        return ""
    return f"# step: {step_s}s   # where failures take minutes; at the usual step of 1m, what takes 90 min and more is told\n"


def _card(seen: Seen, rules: Sequence[Served]) -> str:
    """The shipped card, with what was found on top, and the limit of the team's own rule if there is one."""
    body = Path(seen.card.path).read_text("utf-8")
    head = [f"{seen.series} series there" + (f", {seen.beyond} of them beyond the limit now" if seen.beyond else "")]
    if seen.worth is not None:
        head.append(seen.worth.sentence())
    own = team_limit(seen.card, rules)
    if own is not None:
        limit, alert = own
        head.append(f"the limit is that of your rule {visible(alert, 80)}")
        body = _LIMIT.sub(lambda m: f"limit: {{{m[1]}: {limit:.15g}}}", body, count=1)
        body = body.split("\ntests:")[0] + "\n"  # they are about the limit that was shipped
    return "".join(f"# {one[0].upper()}{one[1:]}.\n" for one in head) + body


def _config(found: Found, source: Mapping[str, Any], worths: Mapping[str, CardWorth], foreseen: Sequence[str]) -> str:
    own = "".join(f"    {name}: {_quoted(str(value))}\n" for name, value in source.items())
    if found.every_s is not None and found.every_s > USUAL_STEP_S * 1.2:
        step = f"    step: {math.ceil(found.every_s / 60)}m"
        own += f"{step:<43}# it is scraped about every {found.every_s:.0f} s\n"
    absent = sum(not seen.series for seen in found.cards)
    said = f"{absent} of the {len(found.cards)} cards that come with aiops found no series here, and are not in {MODELS}/"
    missing = f"# {said}.\n" if absent else ""
    offers = list(_offers(found.watched, [worths[alert] for alert in foreseen]))
    stages = "".join(f"#   {line}\n" for line in offers)
    rules = "".join(f"#   {visible(alert, 60)}: {worth.sentence()}\n" for alert, worth in list(worths.items())[:RULES_TOLD])
    left = len(worths) - RULES_TOLD
    rules += f"#   and {left} more that fired, or would have been warned of\n" if left > 0 else ""
    return f"""\
# Written by `aiops init` on {datetime.now(UTC):%Y-%m-%d}. `aiops check --config {CONFIG}` finds every mistake in it,
# `aiops plan --config {CONFIG}` says what it costs, `aiops run --config {CONFIG}` starts it.

sources:
  {SOURCE}:
    kind: prometheus
{own}\
    # labels: {{cluster: prod}}              # merged into every series
    # data_class: internal                 # not written: restricted, and leaves this process masked
    # owner: platform-sre

receivers:                                 # who is told, by name
  stdout: {{kind: stdout}}
  # alertmanager: {{kind: alertmanager, url: "http://127.0.0.1:9093"}}
  # pager: {{kind: webhook, url: "https://pager.example.net/hook", pages: true}}   # only stage page that cannot wait
  # tickets: {{kind: webhook, url: "https://tickets.example.net/hook"}}
  # mail: {{kind: apprise, urls_file: /run/secrets/mail-urls}}

routes:                                    # the first that matches wins, unless it says `continue: true`
  # - {{receiver: pager, repeat: 30m}}                       # page, else ticket, else digest
  # - {{urgent: true, receiver: tickets}}
  # - {{urgent: false, receiver: mail, digest: true}}
  # - matchers: ['severity=~"warning|critical"']
  #   receiver: alertmanager
  - receiver: stdout

{missing}cards: [{MODELS}]
runbooks: [{RUNBOOKS}]

# Every card begins in shadow: it is judged, and nobody is told. {OFFER if offers else NO_OFFER}
stages: {{}}
{stages}
# Alerting rules of this server: {_counts(found)}. `aiops scan` shows them all.
{rules}\
"""


def _offers(seen: Sequence[Seen], foreseen: Sequence[CardWorth]) -> Iterator[str]:
    """Lines for those cards that reach their own bar, and for the rules that do; never more than ticket."""
    passed = [(one.card.name, one.worth) for one in seen if one.worth is not None and one.worth.passes(one.card.promote_when)]
    if foreseen:
        days = max(one.days for one in foreseen)
        passed.append((FORESEEN, CardWorth(together(one.judged for one in foreseen), days)))
    if passed:
        yield "stages:"
    for name, worth in passed:
        yield f"  {name}: ticket".ljust(38) + f"# {worth.sentence()}"


def _counts(found: Found) -> str:
    return f"{len(found.rules)}, of which {found.anticipated} can be anticipated"


def _rule_worths(report: Report) -> list[tuple[str, CardWorth]]:
    """(alert, what its record says) of rules that have one, best first."""
    by_alert: dict[str, list[Row]] = {}
    for row in report.rows:
        if row.record.own is not None and row.record.telling:
            by_alert.setdefault(row.served.rule.alert, []).append(row)
    worths = [(alert, _rule_worth(rows)) for alert, rows in by_alert.items()]
    return sorted(worths, key=lambda one: (-_or_nothing(one[1].bound), one[0]))


def _rule_worth(rows: Sequence[Row]) -> CardWorth:
    some: list[Judged] = [row.record.own for row in rows if row.record.own is not None]
    return CardWorth(together(some), max(row.record.days for row in rows))


def _or_nothing(bound: float) -> float:
    return bound if math.isfinite(bound) else -1.0


def as_objects(files: Sequence[Path], found: Found) -> Iterator[dict[str, Any]]:
    """One object a file that was written, then one a card that was looked for."""
    for path in files:
        yield {"file": str(path)}
    for seen in found.cards:
        worth = seen.worth
        yield {
            "card": seen.card.name, "series": seen.series, "beyond": seen.beyond, "written": bool(seen.series),
            "why": seen.why or None,
            "warned": worth and worth.judged.warned, "hits": worth and worth.judged.hits, "false": worth and worth.judged.false,
            "offered": "ticket" if worth is not None and worth.passes(seen.card.promote_when) else None,
        }  # fmt: skip


def as_lines(folder: Path, files: Sequence[Path], found: Found) -> Iterator[str]:
    """What was found and written, for people."""
    nowhere = [seen.card.name for seen in found.cards if not seen.series and seen.why == NO_SERIES]
    for seen in found.cards:
        if not seen.series:
            if seen.why != NO_SERIES:
                yield f"  {seen.card.name}: {seen.why}"
            continue
        said = seen.worth.sentence() if seen.worth is not None else seen.why
        offer = "; offered as ticket" if seen.worth is not None and seen.worth.passes(seen.card.promote_when) else ""
        yield f"  {seen.card.name}: {seen.series} series; {said}{offer}"
    if nowhere:
        yield from textwrap.wrap(f"no series there for: {', '.join(nowhere)}", 118, initial_indent="  ", subsequent_indent="    ")
    every = f", scraped every {text(round(found.every_s))}" if found.every_s is not None else ""
    yield f"rules: {_counts(found)}{every}"
    cards = sum(path.parent.name == MODELS for path in files)
    yield f"written: {folder / CONFIG}, {cards} cards, {len(files) - 1 - cards} runbooks"
    aiops, config = called(), shlex.quote(str(folder / CONFIG))
    yield f"next: {aiops} check --config {config}; {aiops} run --config {config}"
