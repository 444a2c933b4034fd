"""How the two clients written in Rust are set up: HTTP/1.1, and the certificates of the run."""

import os
from pathlib import Path
from typing import Any

__all__ = ["pyreqwest_client", "wreq_client"]


def wreq_client() -> Any:
    """Return a client of wreq."""
    import wreq

    return wreq.Client(http1_only=True, no_proxy=True, tls_verify=wreq.CertStore.from_pem_stack(_authority()))


def pyreqwest_client() -> Any:
    """Return a client of pyreqwest."""
    from pyreqwest.client import ClientBuilder

    return ClientBuilder().http1_only().no_proxy().add_root_certificate_pem(_authority()).build()


def _authority() -> bytes:
    return Path(os.environ["SSL_CERT_FILE"]).read_bytes()
