"""What ends a private service when the process that started it is gone, even by `kill -9`.

Run as `python guard.py FOLDER`, it waits until its standard input is closed, which the kernel does for
a dead process too, then stops every process that belongs to the folder and removes the folder.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

#: Every process of a service carries its folder in this environment variable and is found again by it.
MARK = "HUB_TEST_SERVICE_FOLDER"

#: Seconds that killed processes get to leave the process table before their folder is removed.
FAREWELL = 10.0


def belonging_to(folder: Path) -> Iterator[psutil.Process]:
    """The running processes that were started for this folder, except the one that asks."""
    for process in psutil.process_iter():
        try:
            mine = process.pid != os.getpid() and process.environ().get(MARK) == str(folder)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's: not started from here
        if mine:
            yield process


def family(pid: int) -> list[psutil.Process]:
    """A process and its descendants, or nothing if it is gone. PostgreSQL's backends are only found this way, as they
    overwrite their environment with their titles."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(processes: list[psutil.Process]) -> None:
    """Kill them all at once and wait until they are gone."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=FAREWELL)


def sweep(folder: Path) -> None:
    """Stop what runs for the folder and remove it. What a dying process still writes is removed by a second try."""
    for _ in range(3):
        kill([member for process in belonging_to(folder) for member in family(process.pid)])
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def main() -> None:
    folder = Path(sys.argv[1])
    sys.stdin.buffer.read()
    sweep(folder)


if __name__ == "__main__":
    main()
