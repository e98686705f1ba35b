"""The ways bytes and events travel between a client and a broker."""
