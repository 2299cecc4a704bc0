"""Certificates made with openssl."""

import socket
import ssl
import subprocess

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


def openssl(*arguments, cwd):
    done = subprocess.run(
        ["openssl", *arguments], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Authority:
    """Signs certificates. `NAME.pem` and `NAME-key.pem` lie in its directory."""

    def __init__(self, directory, name="authority"):
        self.directory = directory
        self.name = name
        openssl("req", "-x509", *CURVE, "-keyout", f"{name}-key.pem", "-out", f"{name}.pem", "-subj", f"/CN={name}",
                cwd=directory)

    @property
    def file(self):
        return str(self.directory / f"{self.name}.pem")

    def issue(self, name, common_name="localhost"):
        """A certificate of `common_name` for 127.0.0.1, and its key: two paths."""
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", *CURVE, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", "-subj", f"/CN={common_name}",
                cwd=self.directory)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}-key.pem",
                "-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile", extensions.name,
                cwd=self.directory)
        return str(self.directory / f"{name}.pem"), str(self.directory / f"{name}-key.pem")

    def client(self, certificate=None, protocols=None):
        """What a client needs that trusts this authority."""
        context = ssl.create_default_context(cafile=self.file)
        if certificate:
            context.load_cert_chain(*certificate)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context


def shown(address, context):
    """The name in the certificate that a server shows now."""
    with socket.create_connection(address, timeout=15) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            subject = secured.getpeercert()["subject"]
            return dict(pair for part in subject for pair in part)["commonName"]
