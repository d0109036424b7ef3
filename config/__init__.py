"""Configuration: settings, field maps and frameworks, read from files, environment and secret files."""
