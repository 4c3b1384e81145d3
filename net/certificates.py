"""The server's certificate: two PEM files, read at the start and again when the operator has renewed them."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from net.errors import StartError

if TYPE_CHECKING:
    from net.config import Server

_CERTIFICATE: Final = "[server] tls_certificate"
_KEY: Final = "[server] tls_key"

log = logging.getLogger(__name__)


class CertificateRefused(StartError):
    """A certificate or a key that cannot be used; the line names the key of the configuration and the file."""


class Certificate:
    """What TLS connections are made with. `context` is another after each `reload`; connections that there are keep
    theirs."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Reads both files. Raises CertificateRefused."""
        self._certificate = certificate
        self._key = key
        self.context = _context(certificate, key)

    @classmethod
    def configured(cls, server: Server) -> Certificate | None:
        """The one that the configuration names; None when it names none. Raises CertificateRefused."""
        if not (server.tls_certificate or server.tls_key):
            return None
        if not (server.tls_certificate and server.tls_key):
            raise CertificateRefused(f"{_CERTIFICATE} and {_KEY}: set both, or none")
        return cls(Path(server.tls_certificate).expanduser(), Path(server.tls_key).expanduser())

    def reload(self) -> bool:
        """Reads the files again, for the connections to come; false, and a line in the log, when they cannot be used:
        then everything stays as it was."""
        try:
            self.context = _context(self._certificate, self._key)
        except CertificateRefused as refused:
            log.error("the certificate in use is kept: %s", refused)
            return False
        log.info("the certificate was read again from %s", self._certificate)
        return True


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    for name, path in ((_CERTIFICATE, certificate), (_KEY, key)):
        _check_readable(name, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except ssl.SSLError:
        raise CertificateRefused(f"{_CERTIFICATE}: {certificate} holds no certificate in PEM") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without renegotiation nobody can have us do the costly half of a handshake again and again.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=lambda: _passphrase(key))
    except ssl.SSLError as error:
        why = "is not the key of the certificate" if error.reason == "KEY_VALUES_MISMATCH" else "holds no key in PEM"
        raise CertificateRefused(f"{_KEY}: {key} {why}") from None
    return context


def _check_readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise CertificateRefused(f"{name}: cannot read {path}: {error.strerror}") from None


def _passphrase(key: Path) -> NoReturn:
    # Else OpenSSL would ask for it on the terminal.
    raise CertificateRefused(f"{_KEY}: {key} has a passphrase; the server needs one without")
