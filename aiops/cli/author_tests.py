"""`aiops test`: the tests that authors wrote inside cards and runbooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiops.config.settings import load_settings
from aiops.config.shipped import models_dir, runbooks_dir, shelves
from aiops.config.yaml_file import Document, load, yaml_files
from aiops.core.errors import FileError, Mistake
from aiops.models.card import ModelCard, load_card
from aiops.runbooks import Runbook, load_runbook


@dataclass(frozen=True, slots=True)
class Result:
    """One test, at `line` of `file`; `why` says what was expected and what came."""

    file: str
    line: int
    name: str
    ok: bool
    why: str


def run_tests(files: Sequence[Path], config: Path | None = None) -> list[Result]:
    """The result of every test in files and folders, in order; none: those that `config` loads, without one the shipped ones.

    Raises FileError with every mistake in all of them; then no test runs.
    """
    found: list[tuple[Document, ModelCard | Runbook]] = []
    mistakes: list[Mistake] = []
    for path in yaml_files(files or _loaded(config)):
        try:
            document = load(path)
            found.append((document, _opened(document)))
        except FileError as e:
            mistakes += e.mistakes
    if mistakes:
        raise FileError(mistakes)
    out: list[Result] = []
    for document, one in found:
        out += _card(document, one) if isinstance(one, ModelCard) else _runbook(document, one)
    return out


def _loaded(config: Path | None) -> Sequence[Path]:
    if config is None:
        return [*shelves(models_dir()), *shelves(runbooks_dir())]
    settings = load_settings(config)
    return [*settings.card_paths, *settings.runbook_paths]


def _opened(document: Document) -> ModelCard | Runbook:
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    if kind == "ModelCard":
        return load_card(Path(document.path))
    if kind == "Runbook":
        return load_runbook(Path(document.path))
    message = "only cards and runbooks hold tests; name files whose kind is ModelCard or Runbook"
    raise FileError([Mistake(document.path, *document.where(("kind",)), "kind", message)])


def _card(document: Document, card: ModelCard) -> Iterator[Result]:
    from aiops.backtest.card_tests import failure  # the pipeline is heavy, and runbooks alone do without it

    for i, test in enumerate(card.tests):
        why = failure(card, test)
        yield Result(document.path, document.where(("tests", i))[0], test.name, not why, why)


def _runbook(document: Document, runbook: Runbook) -> Iterator[Result]:
    from aiops.runbooks.simulate import run_tests as simulated

    for i, verdict in enumerate(simulated(runbook)):
        yield Result(document.path, document.where(("tests", i))[0], verdict.name, verdict.ok, verdict.why)
