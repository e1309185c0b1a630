"""`hub mapping schemas`: the JSON Schemas that editors complete and check the files of `mappings/` by."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, print_json, told

#: Where they lie in a configuration folder; every file names its own from there.
FOLDER = "schemas"


def texts() -> dict[str, str]:
    """Each schema file's name and content."""
    from hub import configuration
    from hub.workshop import editing

    made = editing.all_schemas(configuration.AgencySchema(), {name: shape() for name, shape in configuration.SHAPES.items()})
    return {name: json.dumps(schema, ensure_ascii=False, indent=1) + "\n" for name, schema in made.items()}


@mapping.command("schemas")
@click.option("--write", is_flag=True, help="write them into the configuration folder, where this hub's are older or missing")
@JSON
@LANGUAGE
@told
def schemas(write: bool, as_json: bool, lang: str) -> None:
    """The JSON Schemas of the files under mappings/, for editors."""
    from hub.settings import load

    folder: Path = load().config_dir / FOLDER
    made = texts()
    old = [name for name, text in made.items() if not _same(folder / name, text)]
    if write:
        folder.mkdir(exist_ok=True)
        for name in old:
            (folder / name).write_text(made[name], encoding="utf-8")
    if as_json:
        print_json({"folder": str(folder), "schemas": {name: json.loads(text) for name, text in made.items()}, "changed": old})
        return
    if not old:
        click.echo(f"{folder}：已是最新" if lang == "zh" else f"{folder}: up to date")
        return
    zh, en = ("已写入", "written") if write else ("需要更新（--write）", "out of date (--write)")
    click.echo(f"{zh if lang == 'zh' else en}: " + ", ".join(str(folder / name) for name in old))


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
