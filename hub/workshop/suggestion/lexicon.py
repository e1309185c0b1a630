"""The words of the domain: what people call the things of a record, and every spelling that follows from a Chinese word.

`mappings/lexicon.yaml` holds the words. Full pinyin, initials and mixed spellings are derived here, so that a system's tag is
recognised without ever having been seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from math import log
from pathlib import Path
from typing import Any

from pypinyin import lazy_pinyin

from hub.findings import ConfigErrors, read_yaml
from hub.workshop.suggestion.places import Place

_PIECE = re.compile(r"\(([^()]*)\)(\?)?|([^()]+)")
_HANZI = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Concept:
    """What a name may mean. `kind`: place, part (a container), stranger (somebody else's), elsewhere (nothing of ours)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """One Chinese name of a concept, character by character: the characters and their syllables.

    `rare` names give way to usual ones where only initials are written.
    """

    concept: Concept
    text: str
    syllables: tuple[str, ...]
    rare: bool = False

    @property
    def initials(self) -> str:
        return "".join(syllable[0] for syllable in self.syllables)


@dataclass(frozen=True, slots=True)
class Term:
    """One English name of a concept, as a set of words that stand for all who say the same."""

    concept: Concept
    text: str
    words: frozenset[str]


def expand(pattern: str) -> Iterator[str]:
    """Every text of a pattern: `(a|b)` is one of these, `(a)?` may be left out."""
    yield from ("".join(pieces) for pieces in _expanded(pattern))


def _expanded(pattern: str) -> Iterator[tuple[str, ...]]:
    choices: list[list[str]] = []
    for group, optional, plain in _PIECE.findall(pattern):
        choices.append([plain] if plain else [*group.split("|"), *([""] if optional else [])])
    yield from product(*choices)


@cache
def syllables_of(text: str) -> tuple[str, ...]:
    """The toneless syllables of a text, one for each character; what is no Chinese character stands for itself, letter by letter."""
    found: list[str] = []
    for run in re.findall(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]", text):
        found += lazy_pinyin(run) if _HANZI.match(run) else [run.lower()]
    return tuple(found)


def _derived(label: str, part: str) -> Iterator[str]:
    """The names of a place that the lexicon does not list, from the label in its schema and that of its object."""
    for text in re.split("[、，,/]", re.sub(r"[（(].*?[)）]", "", label)):
        before = f"({part})?" if part and not text.startswith(part) and len(part) <= 6 else ""
        stem, ends = text, ""
        for ending, forms in _ENDINGS.items():
            if text.endswith(ending) and (
                text != ending or ending in ("起", "止", "事由", "理由", "编号", "文号", "日期")
            ):
                stem, ends = text.removesuffix(ending), forms
                break
        if not stem and before:
            yield f"{part}{ends}"
            if ending in ("事由", "理由"):
                yield ends
        elif stem or ends:
            yield f"{before}{stem}{ends}"


def _english_of(path: str) -> Iterator[str]:
    """The words of a canonical path: its last name, alone and with that of its object."""
    steps = re.sub(r"\[\]", "", path).split(".")
    last = steps[-1].replace("_", " ")
    if len(steps) > 1:
        yield f"{steps[-2].replace('_', ' ')} {last}"
    if last not in (
        "from",
        "to",
        "on",
        "at",
        "by",
        "text",
        "number",
        "place",
        "name",
        "phone",
        "kind",
        "type",
        "outcome",
        "reason",
    ):
        yield last


#: How the endings of labels are also written.
_ENDINGS = {
    "起": "(期限)?(起|起始|开始|起日)(日期|时间|日)?",
    "止": "(期限)?(止|截止|结束|终止|止日)(日期|时间|日)?",
    "日期": "(日期|时间|日)",
    "时间": "(时间|日期)",
    "文号": "(文号|编号|字号|号)",
    "编号": "(编号|号|号码)",
    "事由": "(事由|原因|理由)",
    "理由": "(理由|原因|事由)",
}


class Lexicon:
    """The words, indexed by how names are written. Made for the places of one exchange."""

    def __init__(self, words: Mapping[str, Any], places: Iterable[Place]) -> None:
        self.words = words
        self.places = {place.path: place for place in places}
        self.rules: list[Mapping[str, Any]] = list(words.get("same", ()))
        self.meanings: Mapping[str, Any] = words.get("meanings", {})
        self.surnames = frozenset(words.get("surnames", ""))
        self.kinds: dict[str, str] = {path: kind for kind, paths in words.get("values", {}).items() for path in paths}
        self._same_word: dict[str, str] = {word: group[0] for group in words.get("english", ()) for word in group}
        self.light = {
            self.word(word) for name in ("endings", "concerned") for text in words[name]["en"] for word in text.split()
        } | {"of", "the", "in", "is", "has", "a", "at", "on", "by"}
        self.phrases: dict[str, list[Phrase]] = defaultdict(list)
        self.pairs: dict[tuple[str, str], set[Phrase]] = defaultdict(set)
        self.shortened: dict[str, set[Phrase]] = defaultdict(set)
        self._said: set[tuple[Concept, str]] = set()
        self.terms: list[Term] = []
        #: character or syllable → the concepts in whose names it stands
        self._holders: dict[str, set[Concept]] = defaultdict(set)
        for concept, zh, en in self._concepts():
            for pattern in zh:
                self._add_phrases(concept, pattern)
            for pattern in words["places"].get(concept.name, {}).get("rarely", ()) if concept.kind == "place" else ():
                self._add_phrases(concept, pattern, rare=True)
            for text in en:
                self.terms.append(Term(concept, text, self.english(text)))
        self.concerned = self._affixes("concerned")
        self.endings = self._affixes("endings")
        self.strangers = self._affixes("strangers")
        self.stranger_terms = [self.english(text) for text in words["strangers"]["en"]]
        self.vocabulary = frozenset(
            {word for term in self.terms for word in term.words}
            | self.light
            | {word for words_ in self.stranger_terms for word in words_}
            | set(self._same_word)
        )
        self._weights = self._rarity()
        #: English word → the Chinese words that a mixed name means by it
        self.glosses: dict[str, list[str]] = defaultdict(list)
        for chinese, english in words.get("words", {}).items():
            for word in english:
                self.glosses[self.word(word)].append(chinese)

    @classmethod
    def load(cls, path: Path, places: Iterable[Place]) -> Lexicon:
        """Raises `ConfigErrors` where the file is no YAML."""
        found, wrong = read_yaml(path, path.name)
        if found is None:
            raise ConfigErrors(wrong)
        return cls(found, places)

    # ------------------------------------------------------------ what it is made of
    def _concepts(self) -> Iterator[tuple[Concept, list[str], list[str]]]:
        said = self.words["places"]
        for path, place in self.places.items():
            entry = said.get(path, {})
            zh, en = list(entry.get("zh", ())), list(entry.get("en", ()))
            if not zh:
                zh = list(_derived(place.label, place.part))
            if not en:
                en = list(_english_of(path))
            yield Concept("place", path), [text for text in zh if text], en
        told = self.words["parts"]
        for name, label in {
            path.partition(".")[0]: place.part for path, place in self.places.items() if "." in path
        }.items():
            if name not in told and label and "." not in name.replace("[]", ""):
                yield Concept("part", name.removesuffix("[]")), [f"{label}(信息|情况)?"], [name.replace("_", " ")]
        for name, entry in told.items():
            yield Concept("part", name), entry["zh"], entry["en"]
        elsewhere = self.words["elsewhere"]
        for pattern in elsewhere["zh"]:
            yield Concept("elsewhere", pattern), [pattern], []
        for text in elsewhere["en"]:
            yield Concept("elsewhere", text), [], [text]
        strangers = self.words["strangers"]
        for text in strangers["zh"]:
            yield Concept("stranger", text), [text], []
        for text in strangers["en"]:
            yield Concept("stranger", text), [], [text, f"{text} name"]

    def _add_phrases(self, concept: Concept, pattern: str, rare: bool = False) -> None:
        for pieces in _expanded(pattern):
            text = "".join(pieces)
            if not text:
                continue
            syllables = tuple(syllable for piece in pieces for syllable in syllables_of(piece))
            phrase = Phrase(concept, text.lower(), syllables, rare)
            if len(phrase.text) != len(syllables):
                continue
            if (concept, phrase.text) in self._said:
                continue
            self._said.add((concept, phrase.text))
            initials = phrase.initials
            self.phrases[initials].append(phrase)
            for key in {*phrase.text, *syllables}:
                self._holders[key].add(concept)
            for first, second in pairwise(phrase.text):
                self.pairs[first, second].add(phrase)
            for first, second in pairwise(syllables):
                self.pairs[first, second].add(phrase)
            if len(syllables) >= 5:
                for n in range(1, len(syllables)):
                    self.shortened[initials[:n] + initials[n + 1 :]].add(phrase)

    def _affixes(self, name: str) -> list[tuple[str, tuple[str, ...]]]:
        texts = {text for pattern in self.words[name]["zh"] for text in expand(pattern)}
        return sorted(((text, syllables_of(text)) for text in texts), key=lambda entry: -len(entry[0]))

    # ------------------------------------------------------------ English
    def word(self, word: str) -> str:
        return self._same_word.get(word, word)

    def english(self, text: str) -> frozenset[str]:
        words = [self.word(word) for word in text.split()]
        return frozenset(
            word for word in words if word not in ("of", "the", "in", "is", "a", "at", "on", "by")
        ) or frozenset(words)

    def _rarity(self) -> dict[str, float]:
        holders: dict[str, set[Concept]] = defaultdict(set)
        for term in self.terms:
            for word in term.words:
                holders[word].add(term.concept)
        everything = len({term.concept for term in self.terms})
        return {word: log(1 + everything / len(concepts)) for word, concepts in holders.items()}

    def telling(self, key: str) -> float:
        """How much a character or syllable tells: 日 and 期 stand in many names, 族 in one."""
        return log(1 + 100 / max(1, len(self._holders.get(key, ()))))

    def weight(self, word: str) -> float:
        """How much a word tells: one that few things are called by tells most."""
        return self._weights.get(word, 4.0)
