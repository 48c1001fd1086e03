"""Runbooks: parsed, matched to warnings, shown with their rendered plan."""
