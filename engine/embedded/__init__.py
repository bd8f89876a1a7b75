"""The embedded engine: grades and signals from public candles, on this machine."""
