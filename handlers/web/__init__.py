"""The HTTP side: the local web chat, health and metrics."""
