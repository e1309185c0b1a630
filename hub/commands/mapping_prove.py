"""`hub mapping prove`: the mappings of a dialect over generated records and its samples, with what they lose and where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, line_of, print_json, print_table, told
from hub.settings import load

if TYPE_CHECKING:
    from hub.findings import Finding
    from hub.workshop.laws import Report


@mapping.command("prove")
@click.argument("dialect", required=False)
@click.option("--exchange", help="one exchange only")
@click.option(
    "--records", type=click.IntRange(1, 1_000_000), default=1000, help="generated records for each mapping and law"
)
@click.option("--seed", type=int, default=0, help="the same seed gives the same records")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="configuration (default: HUB_CONFIG_DIR)",
)
@JSON
@LANGUAGE
@told
def mapping_prove(
    dialect: str | None, exchange: str | None, records: int, seed: int, folder: Path | None, as_json: bool, lang: str
) -> None:
    """Prove the mappings of DIALECT (or of all): what is written comes back, what is read goes back, samples mean what
    stands beside them. Every difference is put down to a line; exit code 1 if there is one that the line does not declare."""
    from hub.workshop.proving import Workshop

    config_dir = folder.absolute() if folder else load().config_dir
    shop = Workshop.open(config_dir, dialect, _schemas())
    if shop.findings:
        _lint(shop.findings, as_json, lang)
        sys.exit(1)
    names = [dialect] if dialect else list(shop.book)
    if dialect and dialect not in shop.book:
        raise CommandFailed(f"没有方言“{dialect}”；有：{'、'.join(shop.book)} (no such dialect)")
    if exchange and not any(exchange in {*shop.book[name].readers, *shop.book[name].writers} for name in names):
        raise CommandFailed(f"没有“{exchange}”的映射 (no mapping of {exchange})")
    reports = [shop.prove(name, exchange, records, seed, _progress(name, lang)) for name in names]
    if as_json:
        print_json({"ok": all(report.ok for report in reports), "dialects": [report.as_dict() for report in reports]})
    else:
        for report in reports:
            _tell(report, shop.book[report.dialect].zh if lang == "zh" else shop.book[report.dialect].en, lang)
    if not all(report.ok for report in reports):
        sys.exit(1)


def _schemas() -> dict[str, object]:
    from hub.api.bundle import record_components, record_schema

    return {name: record_schema(name) for name in record_components()}


def _lint(findings: list[Finding], as_json: bool, lang: str) -> None:
    if as_json:
        print_json({"ok": False, "findings": [finding.as_dict() for finding in findings], "dialects": []})
        return
    for finding in findings:
        click.echo(line_of(finding, lang))
    click.echo(
        f"{len(findings)}处问题：先改正，再用生成的记录检验"
        if lang == "zh"
        else f"{len(findings)} findings: mend them before anything can be proved"
    )


def _progress(name: str, lang: str) -> Callable[[str, int, int], None] | None:
    """One line that is written over, for a person who waits."""
    if not sys.stderr.isatty():
        return None

    def tell(exchange: str, done: int, of: int) -> None:
        word = "检验" if lang == "zh" else "proving"
        click.echo(f"\r\x1b[K{word} {name} {exchange} {done}/{of}", nl=False, err=True)
        if done >= of:
            click.echo("\r\x1b[K", nl=False, err=True)

    return tell


def _tell(report: Report, title: str, lang: str) -> None:
    zh = lang == "zh"
    click.echo(f"{title} ({report.dialect})")
    print_table(
        ["事项", "双向", "只读", "只写", "写出", "读入", "退回及原因"]
        if zh
        else ["exchange", "both", "in", "out", "written", "read", "turned away, and why"],
        [
            [
                proof.exchange,
                str(proof.both),
                str(proof.only_in),
                str(proof.only_out),
                str(proof.written or "—"),
                str(proof.read or "—"),
                ", ".join(f"{rule} ×{count}" for rule, count in proof.refused.most_common(3)) or "—",
            ]
            for proof in report.proofs
        ],
    )
    if report.losses:
        click.echo(f"已声明的丢失（{len(report.losses)}）" if zh else f"declared losses ({len(report.losses)})")
        for loss in report.losses:
            said = (loss.loss.zh if zh else loss.loss.en) if loss.loss else ""
            click.echo(
                f"  {loss.file}:{loss.line}  {said}  ×{loss.count}  {str(loss.before)[:60]} → {str(loss.after)[:60]}"
            )
    for finding in report.warnings:
        click.echo(("提醒 " if zh else "warning ") + line_of(finding, lang))
    for finding in report.findings:
        click.echo(line_of(finding, lang))
    samples = (f"，{report.samples}个样例" if zh else f", {report.samples} samples") if report.samples else ""
    if report.unseen:
        click.echo(
            f"{len(report.unseen)}行没有样例可证：双向一致的错误（如起止颠倒）无从发现"
            if zh
            else f"no sample shows {len(report.unseen)} of the lines: a mistake that is the same both ways (from and to swapped) stays hidden there"
        )
    verdict = (
        ("通过" if report.ok else f"{len(report.findings)}处问题")
        if zh
        else ("proved" if report.ok else f"{len(report.findings)} findings")
    )
    click.echo(
        f"每个映射{report.records}份记录（种子{report.seed}）{samples}：{verdict}\n"
        if zh
        else f"{report.records} records for each mapping (seed {report.seed}){samples}: {verdict}\n"
    )
