"""The server's certificate: what is refused, in one line that names the key and the file, and what is read again."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from shutil import copy

import pytest

from net.certificates import Certificate, CertificateRefused
from net.config import Server

FILES = Path(__file__).parent / "tls"
CRT, KEY = FILES / "localhost.crt", FILES / "localhost.key"


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(CertificateRefused) as caught:
        Certificate.configured(Server(tls_certificate=str(certificate), tls_key=str(key)))
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_without_files_there_is_no_tls() -> None:
    assert Certificate.configured(Server()) is None


def test_a_certificate_and_its_key_make_a_context_of_tls_1_2_and_later() -> None:
    certificate = Certificate.configured(Server(tls_certificate=str(CRT), tls_key=str(KEY)))
    assert certificate is not None
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert certificate.context.options & ssl.OP_NO_COMPRESSION
    assert certificate.context.options & ssl.OP_NO_RENEGOTIATION


def test_one_file_without_the_other_is_no_silent_way_to_serve_in_the_clear() -> None:
    for server in (Server(tls_certificate=str(CRT)), Server(tls_key=str(KEY))):
        with pytest.raises(CertificateRefused, match=r"^\[server\] tls_certificate and \[server\] tls_key: set both"):
            Certificate.configured(server)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    why = f"cannot read {missing}: No such file or directory"
    assert refusal(missing, KEY) == f"[server] tls_certificate: {why}"
    assert refusal(CRT, missing) == f"[server] tls_key: {why}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path, KEY) == f"[server] tls_certificate: cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_bytes(content)
    assert refusal(wrong, KEY) == f"[server] tls_certificate: {wrong} holds no certificate in PEM"
    assert refusal(CRT, wrong) == f"[server] tls_key: {wrong} holds no key in PEM"


def test_files_in_the_wrong_places_are_named() -> None:
    assert refusal(KEY, CRT) == f"[server] tls_certificate: {KEY} holds no certificate in PEM"
    assert refusal(CRT, CRT) == f"[server] tls_key: {CRT} holds no key in PEM"


def test_the_key_of_another_certificate_is_named() -> None:
    other = FILES / "renewed.key"
    assert refusal(CRT, other) == f"[server] tls_key: {other} is not the key of the certificate"


def test_a_passphrase_is_not_asked_for_on_the_terminal() -> None:
    encrypted = FILES / "encrypted.key"
    assert refusal(CRT, encrypted) == f"[server] tls_key: {encrypted} has a passphrase; the server needs one without"


def test_a_renewed_certificate_is_read_again_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    crt, key = tmp_path / "a.crt", tmp_path / "a.key"
    copy(CRT, crt)
    copy(KEY, key)
    certificate = Certificate(crt, key)
    first = certificate.context
    copy(FILES / "renewed.crt", crt)
    assert not certificate.reload()
    assert certificate.context is first
    assert f"the certificate in use is kept: [server] tls_key: {key} is not the key" in caplog.text
    copy(FILES / "renewed.key", key)
    assert certificate.reload()
    assert certificate.context is not first
    assert "the certificate was read again" in caplog.text
