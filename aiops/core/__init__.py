"""Records, label matchers, durations and errors: what every room may use."""
