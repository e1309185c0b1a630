"""`hub mapping suggest` and `suggest-score`: the first draft of a mapping, and how good such drafts are."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, line_of, print_json, print_table, told
from hub.settings import load

if TYPE_CHECKING:
    from hub.workshop.suggestion import Lexicon, Suggestion
    from hub.workshop.suggestion.score import Score

#: The lexicon that comes with the hub, for a configuration that has none of its own.
LEXICON = Path(__file__).resolve().parents[2] / "mappings" / "lexicon.yaml"


class Workbench:
    """What suggestions need of a configuration: the words, the code lists, the places and the records' schemas."""

    def __init__(self, config_dir: Path) -> None:
        from hub.configuration import place_names
        from hub.translation import codelists

        self.config_dir = config_dir
        self.lists, _ = codelists.load(config_dir / "codelists", f"{config_dir.name}/codelists")
        self.counties = place_names(config_dir)
        own = config_dir / "lexicon.yaml"
        self.words = own if own.is_file() else LEXICON
        self._lexicons: dict[str, Lexicon] = {}

    def schema(self, exchange: str, lang: str) -> Mapping[str, Any]:
        """Raises `CommandFailed` with the nearest exchanges for one that there is not."""
        from hub.api.bundle import record_components, record_schema

        known = record_components()
        if exchange not in known:
            near = difflib.get_close_matches(exchange, known, n=4, cutoff=0.3) or sorted(known)
            raise CommandFailed(
                f"没有交换“{exchange}”；相近的有：{'、'.join(near)}"
                if lang == "zh"
                else f"there is no exchange {exchange!r}; near it are {', '.join(near)}"
            )
        return record_schema(exchange)

    def suggest(self, contract: Path | None, samples: Path | None, exchange: str, lang: str = "zh") -> Suggestion:
        from hub.workshop.suggestion import Lexicon, Unreadable, places_of, read_foreign, suggest

        places = places_of(self.schema(exchange, lang))
        try:
            foreign = read_foreign(contract, samples)
        except Unreadable as error:
            raise CommandFailed(error.zh if lang == "zh" else error.en) from error
        if exchange not in self._lexicons:
            self._lexicons[exchange] = Lexicon.load(self.words, places)
        return suggest(foreign, places, self._lexicons[exchange], self.lists, self.counties, exchange)

    def scores(self, lang: str = "zh") -> list[Score]:
        """Every dialect of the configuration that has a WSDL and samples, each by its first exchange with samples for it."""
        from hub.findings import read_yaml
        from hub.workshop.suggestion.score import hand_written, same_facts, score

        words, _ = read_yaml(self.words, self.words.name)
        same = same_facts(words or {})
        found = []
        for folder in sorted(path for path in (self.config_dir / "dialects").glob("*") if (path / "samples").is_dir()):
            contract = next(iter(sorted(folder.glob("*.wsdl"))), None)
            exchange = _main_exchange(folder)
            if contract is not None and exchange is not None:
                suggestion = self.suggest(contract, folder / "samples", exchange, lang)
                found.append(score(folder.name, suggestion, hand_written(folder, exchange, same)))
        return found


def _main_exchange(folder: Path) -> str | None:
    """The exchange that a dialect's samples are of: the one whose own mapping names the most places."""
    from hub.translation.mapping import Files

    best: tuple[int, str] | None = None
    for path in sorted(folder.glob("*.yaml")):
        if path.stem in ("dialect", "transport", "answers") or path.stem.startswith("_"):
            continue
        found = Files(folder, folder.name).read(path.stem)
        if found is None or "like" in found:
            continue
        size = len(path.read_text(encoding="utf-8").splitlines())
        if best is None or size > best[0]:
            best = (size, path.stem)
    return best[1] if best else None


@mapping.command("suggest")
@click.option("--wsdl", type=click.Path(path_type=Path), help="the system's WSDL")
@click.option("--schema", type=click.Path(path_type=Path), help="an XSD or JSON Schema in its place")
@click.option("--samples", type=click.Path(path_type=Path), help="a folder of messages (XML or JSON), or one")
@click.option("--exchange", required=True, help="the exchange that the messages are, such as admission.documents")
@click.option("--dialect", help="the name of the dialect to be; without it, the contract's or folder's name")
@click.option("--out", type=click.Path(path_type=Path), help="write the mapping file here")
@click.option(
    "--out-dir",
    type=click.Path(path_type=Path),
    help="write dialects/NAME and code lists into this configuration folder",
)
@click.option(
    "--direction",
    type=click.Choice(["in", "out", "both"]),
    help="which way the draft goes; without it both, or in where the contract requires what nothing tells",
)
@click.option("--all", "everything", is_flag=True, help="also print the doubtful lines")
@JSON
@LANGUAGE
@told
def mapping_suggest(
    wsdl: Path | None,
    schema: Path | None,
    samples: Path | None,
    exchange: str,
    dialect: str | None,
    out: Path | None,
    out_dir: Path | None,
    direction: str | None,
    everything: bool,
    as_json: bool,
    lang: str,
) -> None:
    """Suggest a mapping for a system from its WSDL, XSD or JSON Schema, and samples; each line with its reasons."""
    if wsdl and schema:
        raise CommandFailed("--wsdl和--schema只能给一个" if lang == "zh" else "give --wsdl or --schema, not both")
    if not (wsdl or schema or samples):
        raise CommandFailed(
            "请给出--wsdl、--schema或--samples" if lang == "zh" else "give --wsdl, --schema or --samples"
        )
    bench = Workbench(load().config_dir)
    suggestion = bench.suggest(wsdl or schema, samples, exchange, lang)
    name = dialect or _name_of(wsdl or schema or samples)
    written = _write(bench, suggestion, name, exchange, out, out_dir, direction, lang) if out or out_dir else []
    shown = suggestion.lines if everything else suggestion.asserted
    if as_json:
        print_json([line.as_dict(lang) for line in shown])
        return
    columns = (
        ["规范位置", "对方位置", "写法", "把握", "依据"]
        if lang == "zh"
        else ["canonical", "foreign", "codec", "sure", "reasons"]
    )
    rows = []
    for line in shown:
        told_ = line.as_dict(lang)
        mark = "" if line.asserted else "？" if lang == "zh" else "? "
        separator = "；" if lang == "zh" else "; "
        rows.append(
            [
                f"{mark}{line.canonical}",
                line.foreign,
                line.written,
                f"{line.confidence:.0%}",
                separator.join(told_["reasons"]),
            ]
        )
    print_table(columns, rows)
    sure, doubtful, left = len(suggestion.asserted), len(suggestion.doubtful), len(suggestion.left)
    click.echo(
        f"{sure}行有把握，{doubtful}行存疑（--all），{left}处没有对应"
        if lang == "zh"
        else f"{sure} lines are sure, {doubtful} doubtful (--all), {left} places have no line"
    )
    for path in written:
        click.echo(f"已写入{path}" if lang == "zh" else f"written: {path}")


def _name_of(path: Path | None) -> str:
    """A dialect's name from a file's or folder's: small letters, digits and hyphens."""
    import re

    stem = path.stem if path is not None and path.is_file() else path.name if path is not None else ""
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "new"


def _write(
    bench: Workbench,
    suggestion: Suggestion,
    name: str,
    exchange: str,
    out: Path | None,
    out_dir: Path | None,
    direction: str | None,
    lang: str,
) -> list[Path]:
    """Writes the draft: one file (code lists only where its folder is one of a configuration), or all into a configuration."""
    from hub.workshop.suggestion.draft import draft, files_of

    root = out_dir
    if out is not None and root is None:
        folder = out.absolute().parent
        if folder.parent.name == "dialects":
            root, name = folder.parent.parent, folder.name
    made = draft(suggestion, name, bench.schema(exchange, lang), bench.lists, lang, root is not None, direction)
    if made.findings:
        raise CommandFailed("\n".join(line_of(found, lang) for found in made.findings))
    written: list[Path] = []

    def put(path: Path, content: str) -> None:
        if path.is_dir():
            raise CommandFailed(
                f"{path}是文件夹，应为文件" if lang == "zh" else f"{path} is a folder, a file is wanted"
            )
        if path.exists() and path.read_text(encoding="utf-8") != content and path != out:
            raise CommandFailed(
                f"{path}已存在，未作改动" if lang == "zh" else f"{path} is there already and stays as it is"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        written.append(path)

    if out is not None:
        put(out, made.mapping)
        for file, content in made.lists.items() if root is not None else ():
            put(root / "codelists" / file, content)  # type: ignore[operator]
    if out_dir is not None:
        for place, content in files_of(made, name, exchange):
            put(out_dir / place, content)
        if made.contract is not None:
            target = out_dir / "dialects" / name / made.contract.name
            if not target.exists():
                shutil.copyfile(made.contract, target)
            written.append(target)
    return written


@mapping.command("suggest-score")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@JSON
@LANGUAGE
@told
def suggest_score(folder: Path | None, as_json: bool, lang: str) -> None:
    """How good suggestions are: each dialect of the configuration (FOLDER, or HUB_CONFIG_DIR) from its WSDL and samples alone,
    against its hand-written mapping."""
    bench = Workbench(folder.absolute() if folder else load().config_dir)
    scores = bench.scores(lang)
    worst = {
        "recall_worst": round(min((score.recall for score in scores), default=0.0), 3),
        "precision_worst": round(min((score.precision for score in scores), default=0.0), 3),
    }
    if as_json:
        print_json({"items": [score.as_dict() for score in scores], **worst})
        return
    columns = (
        ["方言", "交换", "手写行数", "找到", "召回率", "断言", "正确", "准确率"]
        if lang == "zh"
        else ["dialect", "exchange", "lines", "found", "recall", "asserted", "right", "precision"]
    )
    print_table(
        columns,
        [
            [
                s.name,
                s.exchange,
                str(s.wanted),
                str(s.found),
                f"{s.recall:.0%}",
                str(s.asserted),
                str(s.right),
                f"{s.precision:.0%}",
            ]
            for s in scores
        ],
    )
    for score in scores:
        for foreign, canonical in score.missed:
            click.echo(
                f"{score.name}：没有找到 {canonical} ← {foreign}"
                if lang == "zh"
                else f"{score.name}: missed {canonical} at {foreign}"
            )
        for line in score.wrong:
            click.echo(
                f"{score.name}：多出 {line.canonical} ← {line.foreign}"
                if lang == "zh"
                else f"{score.name}: wrong {line.canonical} at {line.foreign}"
            )
