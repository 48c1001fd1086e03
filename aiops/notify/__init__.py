"""Notify: the durable outbox's relay and the receivers."""
