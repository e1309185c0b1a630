"""`hub operator …`: the people who work on the hub; and how every other command learns who is typing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from hub.commands.telling import JSON, LANGUAGE, open_hub, print_json, print_table, told
from hub.domain.mapping_versions import ROLES

if TYPE_CHECKING:
    from hub.domain.mapping_versions import Operator

#: Who is typing: a name, whose secret comes from HUB_OPERATOR_SECRET or is asked for.
AS = click.option("--as", "who", envvar="HUB_OPERATOR", help="your name as an operator (HUB_OPERATOR)")


def person(hub: Any, name: str | None, lang: str) -> Operator:
    """The operator who is typing. Raises `WrongSecret`, the same whether or not there is such a person."""
    from hub.identity.operators import identify

    if name is None:
        raise click.UsageError(
            "请以--as说明您是谁（hub operator add 添加人员）"
            if lang == "zh"
            else "say who you are with --as (hub operator add adds people)"
        )
    secret = os.environ.get("HUB_OPERATOR_SECRET") or click.prompt(
        f"{name}的口令" if lang == "zh" else f"secret of {name}", hide_input=True, err=True
    )
    return identify(hub, name, secret)


@click.group()
def operator() -> None:
    """The people who change mappings and approve them."""


@operator.command("add")
@click.argument("name")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="may be given several times"
)
@AS
@JSON
@LANGUAGE
@told
def operator_add(name: str, roles: tuple[str, ...], who: str | None, as_json: bool, lang: str) -> None:
    """Add a person and print the secret, this once. The first one must be an administrator, who then adds the others."""
    from hub.identity import operators

    hub = open_hub()
    by = person(hub, who, lang) if who is not None or hub.operators.all() else None
    added = operators.add(hub, name, roles, by)
    if as_json:
        print_json(added)
        return
    for key, value in added.items():
        click.echo(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    click.echo("请妥善保存，仅显示这一次" if lang == "zh" else "keep it: it is shown this once")


@operator.command("list")
@JSON
@LANGUAGE
@told
def operator_list(as_json: bool, lang: str) -> None:
    """Everybody who works or worked on this hub."""
    items = [
        {
            "name": one.name,
            "roles": sorted(one.roles),
            "added_by": one.added_by,
            "added_at": one.added_at.isoformat(),
            "removed_at": one.removed_at.isoformat() if one.removed_at else None,
        }
        for one in open_hub().operators.all()
    ]
    if as_json:
        print_json({"items": items})
        return
    print_table(
        ["姓名", "角色", "添加", "移除"] if lang == "zh" else ["name", "roles", "added", "removed"],
        [
            [
                str(one["name"]),
                ", ".join(one["roles"] or ()),
                f"{str(one['added_at'])[:10]} {one['added_by']}",
                str(one["removed_at"] or "—")[:10],
            ]
            for one in items
        ],
    )


@operator.command("remove")
@click.argument("name")
@AS
@JSON
@LANGUAGE
@told
def operator_remove(name: str, who: str | None, as_json: bool, lang: str) -> None:
    """End a person's access at once. The name stays in the audit, and nobody else gets it."""
    from hub.identity import operators

    hub = open_hub()
    operators.remove(hub, name, person(hub, who, lang))
    if as_json:
        print_json({"removed": name})
    else:
        click.echo(f"已移除{name}" if lang == "zh" else f"{name} is removed")
