"""Whole runs that write, over a line that breaks the bytes of requests and answers.

`python -m tests.chaos --seeds 20` lives through twenty histories with each vendor.
"""
