"""How fast and how small: `make bench`. Every figure comes with what it is held to."""
