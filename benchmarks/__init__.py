"""Figures of speed and memory, each as a ratio against a floor that is computed or measured in the same run."""
