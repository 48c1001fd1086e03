"""Pictures and pages that stand alone."""
