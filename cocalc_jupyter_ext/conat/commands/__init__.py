"""Programs for a terminal: a server of its own, and a client in the spirit of ``nats``."""
