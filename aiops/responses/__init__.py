"""Responses: what runbooks say is done, once, with guards, approvals, verification and undo."""
