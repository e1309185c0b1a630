"""`hub mapping …`: what an administrator does with the mappings of a dialect."""

from __future__ import annotations

import click


@click.group()
def mapping() -> None:
    """Write, try, prove and change the mappings of a dialect."""
