"""Telemetry: sources behind one port, the PromQL subset for those without a server, and the window store."""
