"""Keepwell's pure core: no I/O, no clock, no settings; every answer is a function of its arguments."""
