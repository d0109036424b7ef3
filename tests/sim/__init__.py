"""Whole runs in virtual time: the real engine and store, three workers and people, and CRMs where much goes wrong.

`python -m tests.sim --days 30 --seed 1` lives through thirty days; the same seed gives the same history. One thread
runs at a time, and another one goes on only where a request is sent, somebody sleeps or a fault point is passed.
"""
