"""Models: vectorised detectors and forecasters over blocks, with state as arrays."""
