#!/usr/bin/env python3
"""Writes mappings/codelists/gbt2659.yaml from pycountry: GB/T 2659 takes over the codes of ISO 3166-1.

The three-letter code is written; two letters, three digits and the usual names are read too. Run it again when a newer
pycountry knows of a change; a test holds the file against the package.
"""

from __future__ import annotations

import gettext
from pathlib import Path

import pycountry
import yaml

FILE = Path(__file__).resolve().parent.parent / "mappings" / "codelists" / "gbt2659.yaml"
HEAD = """\
# yaml-language-server: $schema=../schemas/codelist.schema.json
# Made by deploy/make-country-list.py from pycountry (ISO 3166-1, whose codes GB/T 2659 takes over); not written by hand.
name: GB/T 2659
zh: 世界各国和地区名称代码
coded: true
edition: ISO 3166-1
codes:
"""


def text() -> str:
    """The file as it should be."""
    chinese = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=["zh_CN"])
    lines, also, taken = [], [], set[str]()
    for country in sorted(pycountry.countries, key=lambda one: str(one.alpha_3)):
        names = [
            chinese.gettext(name)
            for name in (getattr(country, "common_name", None), country.name, getattr(country, "official_name", None))
            if name
        ]
        words = [
            word for word in dict.fromkeys(names) if any("\u4e00" <= c <= "\u9fff" for c in word) and word not in taken
        ]
        words.sort(key=lambda word: not word.startswith("中国"))  # 中国台湾省, 中国香港特别行政区 are what is written
        taken.update(words)
        lines.append(f"  {country.alpha_3}: {_flow(words or [country.name])}")
        also += [f"  {country.alpha_2}: {country.alpha_3}", f'  "{country.numeric}": {country.alpha_3}']
    return HEAD + "\n".join(lines) + "\nalso_read:\n" + "\n".join(also) + "\n"


def _flow(words: list[str]) -> str:
    return yaml.safe_dump(
        words if len(words) > 1 else words[0], allow_unicode=True, default_flow_style=True, width=1000
    ).split("\n")[0]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
