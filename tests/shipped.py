"""The shipped cards and runbooks, read once for all tests of a process."""

from __future__ import annotations

from pathlib import Path

from aiops.config.shipped import models_dir, runbooks_dir, shelves
from aiops.models.card import load_cards
from aiops.runbooks import load_runbooks

CARDS = load_cards(shelves(models_dir()))
HOST_CARDS = [card for card in CARDS if Path(card.path).parent == models_dir()]
"""What is watched without a configuration; the others stand on shelves below."""
BOOKS = load_runbooks(shelves(runbooks_dir()))
