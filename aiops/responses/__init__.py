"""Responses: the execution of runbooks (nothing is executed yet)."""
