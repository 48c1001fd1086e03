"""Runbooks: parsed, matched to warnings, shown with their rendered plan."""

from aiops.runbooks.load import json_schema, load_runbook, load_runbooks
from aiops.runbooks.match import Match, match
from aiops.runbooks.schema import Runbook

__all__ = ["Match", "Runbook", "json_schema", "load_runbook", "load_runbooks", "match"]
