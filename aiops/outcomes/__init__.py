"""Outcomes: every warning is judged."""
