"""Config: settings, cards and the loading of YAML with file, line and column."""
