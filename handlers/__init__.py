"""The faces and senders: how Flipwatch speaks on each platform."""
