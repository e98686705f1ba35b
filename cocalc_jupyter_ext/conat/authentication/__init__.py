"""Who is at the other end of a new connection: cookies, keys and passwords (conat-core §13)."""
