"""`hub mapping schemas`: the JSON Schemas that editors complete and check the files of `mappings/` by."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, print_json, told


def texts() -> dict[str, str]:
    """Each schema file's name and content."""
    from hub import configuration, workdays
    from hub.workshop import editing

    made = editing.all_schemas(
        configuration.AgencySchema(),
        {name: shape() for name, shape in configuration.SHAPES.items()},
        workdays.CalendarSchema(),
    )
    return {name: json.dumps(schema, ensure_ascii=False, indent=1) + "\n" for name, schema in made.items()}


def without_modeline(config_dir: Path) -> dict[Path, str]:
    """The files that do not name their schema in the first line, with the line that would."""
    from hub.workshop.editing import modeline

    found: dict[Path, str] = {}
    for path in sorted(config_dir.rglob("*.yaml")):
        line = modeline(path.relative_to(config_dir))
        if line and path.read_text(encoding="utf-8").partition("\n")[0] != line:
            found[path] = line
    return found


@mapping.command("schemas")
@click.option("--write", is_flag=True, help="write them into the configuration folder, and their names into its files")
@JSON
@LANGUAGE
@told
def schemas(write: bool, as_json: bool, lang: str) -> None:
    """The JSON Schemas by which editors complete and check the files under mappings/."""
    from hub.settings import load
    from hub.workshop.editing import FOLDER

    config_dir = load().config_dir
    folder, made = config_dir / FOLDER, texts()
    old = [folder / name for name, text in made.items() if not _same(folder / name, text)]
    unnamed = without_modeline(config_dir)
    if write:
        folder.mkdir(exist_ok=True)
        for path in old:
            path.write_text(made[path.name], encoding="utf-8")
        for path, line in unnamed.items():
            _name(path, line)
    changed = [str(path) for path in (*old, *unnamed)]
    if as_json:
        schemas = {name: json.loads(text) for name, text in made.items()}
        print_json({"folder": str(folder), "schemas": schemas, "changed": changed, "written": write})
        return
    if not changed:
        click.echo(f"{folder}：已是最新" if lang == "zh" else f"{folder}: up to date")
        return
    zh, en = ("已写入", "written") if write else ("需要更新（--write）", "out of date (--write)")
    click.echo(f"{zh if lang == 'zh' else en}: " + ", ".join(changed))


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _name(path: Path, line: str) -> None:
    """Put the comment into the first line, in place of an older one."""
    from hub.workshop.editing import MODELINE

    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    path.write_text(f"{line}\n{rest if first.startswith(MODELINE) else text}", encoding="utf-8")
