"""Draws pictures: a layout in plain values, then pixels, on a thread of its own."""
