"""Governance: policy decisions and lineage."""
