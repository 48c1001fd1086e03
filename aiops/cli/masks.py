"""What commands say of masks: those that a running daemon read last, and a card's own; nothing is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from aiops.config.settings import Settings
from aiops.core.durations import rfc3339
from aiops.core.records import EarlyWarning
from aiops.core.text import visible
from aiops.models.card import ModelCard, load_cards
from aiops.pipeline.mask_read import kept_book
from aiops.pipeline.mask_said import Masked, of_card, of_warning

AHEAD_S = 7 * 86400.0


def explainer(settings: Settings) -> Callable[[EarlyWarning], list[Masked]]:
    """What masks a warning, by its card; of a card that is not there any more nothing is known."""

    def of(warning: EarlyWarning) -> list[Masked]:
        cards = {card.name: card for card in load_cards(settings.card_paths)}
        card = cards.get(warning.card)
        return [] if card is None else of_warning(kept_book(settings), card, warning, time.time())

    return of


def lines(settings: Settings, cards: Sequence[ModelCard], now_s: float) -> Iterator[str]:
    """The times that mask series of these cards now and in the next days, each once; then how old what was read is."""
    book, found = kept_book(settings), dict[Masked, list[str]]()
    for card in cards:
        for one in of_card(book, card, now_s, now_s + AHEAD_S):
            found.setdefault(one, []).append(card.name)
    for one, names in sorted(found.items(), key=lambda pair: (pair[0].span.start_s, pair[0].mask)):
        when = "masked now" if one.span.start_s <= now_s else "masked"
        whose = "every card" if len(names) == len(cards) > 1 else ", ".join(names)
        yield visible(f"{whose} {when} {one}", 400)
    for mask in book.masks.values():
        if mask.rule.kind != "cron":
            yield f"mask {mask.name}: " + ("never read" if mask.read_s is None else f"read at {rfc3339(mask.read_s)}")
