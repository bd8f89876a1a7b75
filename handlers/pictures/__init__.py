"""Draws pictures: a layout in plain values, then pixels, in a process of its own."""
