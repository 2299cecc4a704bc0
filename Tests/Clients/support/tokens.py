"""Tokens by hand, so that wrong ones can be made too."""

import base64
import hashlib
import hmac
import json
import time

SECRET = "a-secret-for-tests-of-32-characters"
ADMIN = "an-administrator-for-tests"
AUTHENTICATED = {"security": {"secret_key_base": SECRET, "admin_token": ADMIN}}


def encode(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(subject, lifetime=300, **more):
    """What a good token says; `None` leaves a claim out."""
    now = int(time.time())
    said = {"sub": subject, "iat": now, "exp": now + lifetime, **more}
    return {name: value for name, value in said.items() if value is not None}


def signed(header, payload, secret=SECRET, digest=hashlib.sha256):
    text = f"{encode(header)}.{encode(payload)}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{text}.{encode(hmac.new(key, text.encode(), digest).digest())}"


def token(subject, *capabilities, lifetime=300, secret=SECRET, header=None, **more):
    """A good HS256 token."""
    if capabilities:
        more["capabilities"] = list(capabilities)
    return signed({"alg": "HS256", "typ": "JWT", **(header or {})}, claims(subject, lifetime, **more), secret)


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def metric(gateway, name, **labels):
    """One figure of `/metrics`."""
    answer = gateway.api.request("GET", "/metrics", headers=bearer(ADMIN))
    assert answer.status == 200, answer
    wanted = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
    for line in answer.body.decode().splitlines():
        if line.startswith(wanted + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no {wanted} in the metrics")


def failures(gateway, cause):
    return metric(gateway, "mcp_gateway_authentication_failures_total", cause=cause)
