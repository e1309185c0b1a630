"""What every command shares: its options, how errors are told, tables and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from hub.domain.faults import HubError
from hub.findings import ConfigErrors, Finding
from hub.settings import BadSetting, load

LANGUAGE = click.option(
    "--lang", type=click.Choice(["zh", "en"]), default="zh", envvar="HUB_LANG", help="language of what is printed"
)
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")


#: Given for a secret: read it from standard input instead.
STDIN = "-"


class CommandFailed(click.ClickException):
    """Told on standard error; exit code 1."""


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Errors that are somebody's to mend are told in words, never as a traceback."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        language = kwargs.get("lang", "zh")
        try:
            return command(*args, **kwargs)
        except BadSetting as error:
            raise CommandFailed(str(error)) from error
        except ConfigErrors as error:
            raise CommandFailed("\n".join(line_of(found, language) for found in error.findings)) from error
        except HubError as error:
            raise CommandFailed(
                "\n".join(f"{fault.pointer or fault.rule}: {fault.message(language)}" for fault in error.faults)
            ) from error

    return wrapped


def line_of(found: Finding, language: str) -> str:
    return f"{found.file}:{found.line}: [{found.rule}] {found.message(language)}"


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def open_hub() -> Any:
    from hub.bootstrap import build  # loading the parts takes a moment; `--help` needs none of them

    return build(load())


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
