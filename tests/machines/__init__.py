"""State machines over the parts that must never lose or double anything, each against a model of a few lines.

`python -m tests.machines` tries 2,000 histories with each, `--examples 100000` is the long form; pytest tries a few.
"""
