"""TLS for tests: a certificate for this machine, and somebody who trusts it."""

import ssl
from pathlib import Path

from certipy import Certipy

__all__ = ["certificates"]


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS of a server at 127.0.0.1, and that of its clients."""
    store = Certipy(store_dir=str(folder))
    store.create_ca("authority")
    record = store.create_signed_pair("server", "authority", alt_names=["IP:127.0.0.1"])
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(record["files"]["cert"], record["files"]["key"])
    return server, ssl.create_default_context(cafile=record["files"]["ca"])
