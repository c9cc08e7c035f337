"""The questions that take hours: generate, tune, sample. Each is a component; see component.py."""
