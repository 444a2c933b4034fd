"""A certificate for loopback, made for the run: clients verify it as they would any other."""

from pathlib import Path

import attrs
import trustme

__all__ = ["Certificate"]


@attrs.frozen
class Certificate:
    """``authority`` goes to the clients as ``SSL_CERT_FILE``, ``chain`` (key first) to the server."""

    authority: Path
    chain: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificate":
        """Write a fresh authority and a certificate for 127.0.0.1 and localhost."""
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder / "authority.pem", folder / "server.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(made.authority))
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(made.chain))
        return made
