"""What a simulated system remembers: one line of JSON for each call, on disk before the answer leaves.

It is the only memory. A system rebuilds its state by reading its journal from the start, so what it would answer after
`kill -9` is what it would have answered before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Entry = dict[str, Any]

#: Base64 of a document is elided from this many characters on: a journal is read by people and returned in one answer.
LONG_RUN = re.compile(r"[A-Za-z0-9+/=]{2048,}")


class Journal:
    """An append-only file of JSON lines.

    A last line without its newline was being written when the process died: its call was never answered, so it is cut
    off when the file is opened again.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        fresh = not path.exists()
        self._file = open(path, "a+b")  # noqa: SIM115 - open for the life of the process
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        self._entries.extend(json.loads(line) for line in content[:whole].splitlines())
        if fresh:
            sync_folder(path.parent)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self, after: int = 0) -> list[Entry]:
        """The entries whose number is greater than `after`, oldest first."""
        with self._lock:
            return self._entries[after:]

    def append(self, entry: Entry) -> Entry:
        """Number and date an entry, write it and wait until the disk has it. Returns the entry as it was written."""
        with self._lock:
            written = {"n": len(self._entries) + 1, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}
            self._file.write(json.dumps(written, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._entries.append(written)
            return written

    def close(self) -> None:
        with self._lock:
            self._file.close()


def sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def legible(text: str) -> str:
    """The text of a message as the journal shows it: long base64 replaced by its length and digest."""

    def shortened(found: re.Match[str]) -> str:
        run = found.group()
        return f"[{len(run)} characters, sha256 {hashlib.sha256(run.encode()).hexdigest()}]"

    return LONG_RUN.sub(shortened, text)


def digest_of(facts: Any) -> str:
    """SHA-256 of JSON-like facts, independent of the order in which an object's members were written."""
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
