"""Frameworks: customer-success rules written as configuration."""

from mapping.framework.errors import FrameworkError, Problem
from mapping.framework.load import Framework, load_framework

__all__ = ["Framework", "FrameworkError", "Problem", "load_framework"]
