"""The files that a configuration names, read together: a mistake in one hides none in another."""

from __future__ import annotations

from aiops.config.settings import Settings
from aiops.core.errors import FileError, Mistake
from aiops.governance.policy import load_policy
from aiops.models.card import ModelCard, load_cards
from aiops.runbooks import Runbook, load_runbooks


def load_all(settings: Settings) -> tuple[list[ModelCard], list[Runbook]]:
    """Cards and runbooks of a configuration. Raises FileError with every mistake in all of them."""
    mistakes: list[Mistake] = []
    cards: list[ModelCard] = []
    runbooks: list[Runbook] = []
    try:
        cards = load_cards(settings.card_paths)
    except FileError as e:
        mistakes += e.mistakes
    try:
        runbooks = load_runbooks(settings.runbook_paths)
    except FileError as e:
        mistakes += e.mistakes
    try:
        load_policy(settings.policy)
    except FileError as e:
        mistakes += e.mistakes
    if mistakes:
        raise FileError(mistakes)
    return cards, runbooks
