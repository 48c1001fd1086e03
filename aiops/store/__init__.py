"""The store: tables, transactions, outbox, hash-chained ledger, lock."""
