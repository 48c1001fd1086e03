"""Symptoms: guards and persistence between a model and a warning."""
