"""Keys of this hub in the secrets folder, and sealing with them (AES in Fernet's form)."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from hub.domain.faults import Fault
from hub.ports import ConfigError


class FernetSeal:
    """Implements `hub.ports.Seal`."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        """Raises `ConfigError` where another key has sealed it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise ConfigError(
                [
                    Fault(
                        "seal.key",
                        "",
                        "密码是用另一密钥封存的：请恢复seal.key，或用 hub agency set 重新设置",
                        "it was sealed with another key: restore seal.key, or set the password again with `hub agency set`",
                    )
                ]
            ) from error


def key_file(folder: Path, name: str, make: bytes) -> bytes:
    """The key in a file that only this user may read; made of `make` when there is none.

    Safe when two processes start at once: the file appears under its name with its content, and the first one counts.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        handle, side = tempfile.mkstemp(dir=folder)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(make)
                out.flush()
                os.fsync(out.fileno())
            with suppress(FileExistsError):
                os.link(side, path)
        finally:
            os.unlink(side)
    found = path.read_bytes().strip()
    if not found:
        raise ValueError(f"{path} is empty: restore the key from the backup, or remove the file for a new hub")
    return found


def sealing_key(folder: Path) -> bytes:
    return key_file(folder, "seal.key", Fernet.generate_key())


def token_key(folder: Path) -> str:
    return key_file(folder, "token.key", secrets.token_hex(32).encode()).decode()
