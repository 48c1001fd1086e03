"""Store: tables, transactions, outbox, hash-chained ledger, lock."""

from aiops.store.ledger import LedgerCheck
from aiops.store.store import OutboxRow, Store
from aiops.store.tx import Statement, Tx

__all__ = ["LedgerCheck", "OutboxRow", "Statement", "Store", "Tx"]
