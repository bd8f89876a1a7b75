"""Flipwatch: tells people when a grading engine's signal flips."""

__version__ = "0.1.0"
