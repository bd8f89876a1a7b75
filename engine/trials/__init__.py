"""Trials of signals on whole markets: what they would have been worth."""
