"""Keys of this hub in the secrets folder, and sealing with them (AES in Fernet's form)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


class FernetSeal:
    """Implements `hub.ports.Seal`."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        return self._fernet.decrypt(sealed).decode()


def key_file(folder: Path, name: str, make: bytes) -> bytes:
    """The key in a file that only this user may read; made of `make` when there is none. Safe when two processes start."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes().strip()
        if not found:
            raise ValueError(f"{path} is empty: restore the key from the backup, or remove the file for a new hub") from None
        return found
    with os.fdopen(handle, "wb") as out:
        out.write(make)
        out.flush()
        os.fsync(out.fileno())
    return make


def sealing_key(folder: Path) -> bytes:
    return key_file(folder, "seal.key", Fernet.generate_key())


def token_key(folder: Path) -> str:
    return key_file(folder, "token.key", secrets.token_hex(32).encode()).decode()
