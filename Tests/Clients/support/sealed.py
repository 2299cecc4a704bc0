"""Encrypted messages (docs/security.md), with the library `cryptography`."""

import base64
import json
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NAME = "mcp-gateway message encryption"


def new_key():
    return os.urandom(32)


def configured(**keys):
    """The configuration of a gateway with these keys, the first of which encrypts."""
    return {"security": {"encryption_keys": [f"{id}:{base64.b64encode(key).decode()}" for id, key in keys.items()]}}


def client_key(key, client):
    return HKDF(hashes.SHA256(), 32, NAME.encode(), client.encode()).derive(key)


def binding(direction, client, epoch, sequence, key_id):
    return f"{NAME}\n{direction}\n{client}\n{epoch}\n{sequence}\n{key_id}".encode()


def seal(message, key, key_id, client, epoch, sequence, direction="up", nonce=12, bound=None):
    iv = os.urandom(nonce)
    text = AESGCM(client_key(key, client)).encrypt(
        iv, json.dumps(message).encode(),
        binding(direction, client, epoch, sequence, key_id) if bound is None else bound)
    return {"key_id": key_id, "sequence": sequence, "encrypted": base64.b64encode(text[:-16]).decode(),
            "iv": base64.b64encode(iv).decode(), "tag": base64.b64encode(text[-16:]).decode()}


def open_sealed(envelope, key, client):
    """The envelope as it is without encryption."""
    parts = [base64.b64decode(envelope[name], validate=True) for name in ("iv", "encrypted", "tag")]
    assert len(parts[0]) == 12
    bound = binding("down", client, envelope["epoch"], envelope["sequence"], envelope["key_id"])
    return json.loads(AESGCM(client_key(key, client)).decrypt(parts[0], parts[1] + parts[2], bound))
