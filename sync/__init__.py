"""The run: what is pulled, computed, planned, guarded, written and reported, and in which order."""
