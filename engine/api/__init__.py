"""Our own engine's API: the wire form that Token Metrics' clients and ours speak."""
