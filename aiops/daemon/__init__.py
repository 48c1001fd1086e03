"""The daemon: clock, signals, health."""
