"""The protocol without I/O: subjects, messages, encodings, framing, connection state."""
