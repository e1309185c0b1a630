"""What a field's name says: which things of the domain it may mean, how surely, and in which spelling it was recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from math import exp

from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_normal

from hub.workshop.suggestion.lexicon import Concept, Lexicon, Phrase, syllables_of

#: What one recognised character tells, by how it is written: an initial is shared by many characters.
CHARACTER, SYLLABLE, INITIAL = 1.2, 1.05, 0.45
#: How much clearer than any usual name the initials of a rare one must be.
CLEARER = 0.12

_TOKENS = re.compile(r"[\u3400-\u9fff]+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HANZI = re.compile(r"[\u3400-\u9fff]")
#: A label ends where its explanation begins.
_LABEL_ENDS = re.compile(r"[（(,，:：;；。\s\[【\-–—]|(?<=[\u3400-\u9fff])[0-9]")


@dataclass(frozen=True, slots=True)
class Named:
    """A meaning of a name. `strength` from 0 to 1; `how` says what was recognised, for people."""

    concept: Concept
    strength: float
    zh: str
    en: str
    #: initials of a name that is rarely used
    rare: bool = False


@cache
def _known_syllables() -> frozenset[str]:
    readings = {reading for several in PINYIN_DICT.values() for reading in several.split(",")}
    return frozenset(to_normal(reading).replace("ü", "v") for reading in readings) - {
        "",
        "m",
        "n",
        "ng",
        "hm",
        "hng",
        "ê",
    }


@cache
def tokens_of(name: str) -> tuple[str, ...]:
    """The words of a name, small: split at capitals, underscores and digits."""
    return tuple(token.lower() for token in _TOKENS.findall(name))


@cache
def as_syllables(letters: str) -> tuple[str, ...] | None:
    """A run of letters as full pinyin, or None. At least two syllables of two letters or more on average."""
    known = _known_syllables()

    @cache
    def rest(at: int) -> tuple[str, ...] | None:
        if at == len(letters):
            return ()
        for size in range(min(6, len(letters) - at), 0, -1):
            if letters[at : at + size] in known and (after := rest(at + size)) is not None:
                return (letters[at : at + size], *after)
        return None

    found = rest(0)
    return found if found and len(letters) >= 2 * len(found) and (len(found) > 1 or len(letters) > 3) else None


def _word_by_word(tokens: Sequence[str]) -> tuple[str, ...] | None:
    """Words of full pinyin that capitals or underscores keep apart: `diaoChaNeiRong` is no `chan`."""
    words = [token for token in tokens if not token.isdigit()]
    if len(words) < 2:
        return None
    spelled = [(word,) if word in _known_syllables() else as_syllables(word) for word in words]
    known = [syllable for several in spelled for syllable in several or ()]
    return tuple(known) if all(spelled) and sum(map(len, words)) >= 2 * len(known) else None


def _sure(told: float) -> float:
    """How sure a recognised name is, by how much its characters tell."""
    return 0.2 if told < 0.9 else 1 - 0.27 * exp(-1.3 * (told - 0.9))


@dataclass(frozen=True, slots=True)
class _Unit:
    """One character of a name, as far as its spelling tells it."""

    initial: str
    syllable: str | None = None
    character: str | None = None

    @property
    def told(self) -> float:
        return CHARACTER if self.character else SYLLABLE if self.syllable else INITIAL

    def fits(self, character: str, syllable: str) -> bool:
        if self.character:
            return self.character == character
        return self.syllable == syllable if self.syllable else self.initial == syllable[0]


def _hanzi(text: str) -> tuple[_Unit, ...]:
    return tuple(
        _Unit(syllable[0], syllable, character) for character, syllable in zip(text, syllables_of(text), strict=True)
    )


class Names:
    """Reads names against a lexicon. `read` is what the rest asks."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def read(
        self, name: str, above: Sequence[str] = (), label: str = "", short: str = "", part: str = ""
    ) -> dict[Concept, Named]:
        """The meanings of a name that stands below the names `above`, with what its documentation calls it.

        `short` is the name without a beginning that all of its neighbours share; `part` the part of the record it stands in.
        """
        found: dict[Concept, Named] = {}
        rare: dict[Concept, Named] = {}

        def take(every: Iterable[Named], factor: float = 1.0) -> None:
            for named in every:
                one = named if factor == 1.0 else replace(named, strength=factor * named.strength)
                into = rare if one.rare else found
                if one.concept not in into or into[one.concept].strength < one.strength:
                    into[one.concept] = one

        take(self._all(name, above, label))
        if short:
            take(self._all(short, above, "", near=False), 0.97)
        if part:
            for own in filter(None, (name, short)):
                take(self._in_part(own.lstrip("@"), part), 0.96)
        usual = max((named.strength for named in found.values()), default=0.0)
        take(replace(named, rare=False) for named in rare.values() if named.strength >= usual + CLEARER)
        return found

    def _in_part(self, shown: str, part: str) -> Iterator[Named]:
        """Short names that the part of the record makes whole, whatever its element is called."""
        entry = self.lexicon.words["parts"].get(part, {})
        for text in entry.get("short", ()):
            for units in self._spellings(shown, tokens_of(shown)):
                for named in self._exact((*_hanzi(text), *units), shown, 1.0, 0.0, False):
                    if named.concept.kind == "place" and named.concept.name.startswith(part):
                        yield named
        for named in self._english(tokens_of(shown), [part.rpartition(".")[2]]):
            if named.concept.kind == "place" and named.concept.name.startswith(part):
                yield named

    def _all(self, name: str, above: Sequence[str], label: str, near: bool = True) -> Iterator[Named]:
        shown = name.lstrip("@")
        yield from self._one(shown, shown, near=near)
        if label:
            first = _LABEL_ENDS.split(label.strip(), maxsplit=1)[0]
            yield from self._one(first or label, label, said=True)
        if above:
            joined = f"{above[-1]}_{shown}"
            for named in self._one(joined, joined, near=False):
                if named.concept.kind == "place":
                    yield named
            yield from self._below(above[-1], shown)
            yield from self._english(tokens_of(shown), above)

    def _below(self, above: str, shown: str) -> Iterator[Named]:
        """Short names that only their element makes whole: 起始时间 in 矫正信息 is 矫正起始时间."""
        for upper in self._spellings(above, tokens_of(above)):
            cores = [
                upper[: -len(text)]
                for text, syllables in self.lexicon.endings
                if len(upper) > len(text) and _fits(upper[-len(text) :], text, syllables)
            ]
            for lower in self._spellings(shown, tokens_of(shown)):
                for core in cores:
                    for named in self._exact((*core, *lower), f"{above}/{shown}", 0.97, 0.0, False):
                        if named.concept.kind == "place":
                            yield named

    def _one(self, name: str, shown: str, said: bool = False, near: bool = True) -> Iterator[Named]:
        tokens = tokens_of(name)
        if not tokens:
            return
        yield from self._english(tokens, ())
        for units in self._spellings(name, tokens):
            yield from self._chinese(units, shown, said, near)

    # ------------------------------------------------------------ Chinese, in any spelling
    def _spellings(self, name: str, tokens: tuple[str, ...]) -> Iterator[tuple[_Unit, ...]]:
        letters = "".join(tokens)
        if _HANZI.search(name):
            yield tuple(
                unit
                for token in tokens
                for unit in (_hanzi(token) if _HANZI.match(token) else tuple(_Unit(letter) for letter in token))
            )
            return
        letters = "".join(token for token in tokens if not token.isdigit())
        if not letters:
            return
        for whole in dict.fromkeys(filter(None, (_word_by_word(tokens), as_syllables(letters)))):
            yield tuple(_Unit(syllable[0], syllable) for syllable in whole)
        yield tuple(_Unit(letter) for letter in letters)
        if len(tokens) > 1:
            yield from self._mixed(tokens)

    def _mixed(self, tokens: tuple[str, ...]) -> Iterator[tuple[_Unit, ...]]:
        """Names like `jzStartDate`: English words for Chinese ones between initials or full pinyin."""
        choices: list[list[tuple[_Unit, ...]]] = []
        translated = False
        for token in tokens:
            if token.isdigit():
                continue
            ways = [_hanzi(word) for word in self.lexicon.glosses.get(self.lexicon.word(token), ())]
            translated = translated or bool(ways)
            if not ways:
                spelled = as_syllables(token)
                ways = (
                    [tuple(_Unit(s[0], s) for s in spelled)] if spelled else [tuple(_Unit(letter) for letter in token)]
                )
            choices.append(ways[:4])
        if not translated or len(choices) > 5:
            return
        made: list[tuple[_Unit, ...]] = [()]
        for ways in choices:
            made = [(*before, *way) for before in made for way in ways][:64]
        yield from made

    def _chinese(self, units: tuple[_Unit, ...], shown: str, said: bool, near: bool) -> Iterator[Named]:
        yield from self._exact(units, shown, 1.0, 0.0, said)
        cores: list[tuple[tuple[_Unit, ...], float]] = []
        for text, syllables in self.lexicon.concerned:
            if len(units) > len(text) and _fits(units[: len(text)], text, syllables):
                cores.append((units[len(text) :], sum(unit.told for unit in units[: len(text)])))
        for core, told in [*cores, (units, 0.0)]:
            if told:
                yield from self._exact(core, shown, 0.93, 0.8 * told, said)
            for text, syllables in self.lexicon.endings:
                if len(core) > len(text) and _fits(core[-len(text) :], text, syllables):
                    more = 0.5 * sum(unit.told for unit in core[-len(text) :])
                    yield from self._exact(core[: -len(text)], shown, 0.95, 0.8 * told + more, said)
        yield from self._strangers(units, shown)
        if near:
            yield from self._near(units, shown, said)

    def _exact(self, units: tuple[_Unit, ...], shown: str, factor: float, beside: float, said: bool) -> Iterator[Named]:
        initials = "".join(unit.initial for unit in units)
        own = sum(unit.told for unit in units)
        if own < 0.9 and not (units and units[0].character):
            return
        for phrase in self.lexicon.phrases.get(initials, ()):
            if _fits(units, phrase.text, phrase.syllables):
                yield self._named(phrase, shown, factor * _sure(own + beside), units, said)

    def _strangers(self, units: tuple[_Unit, ...], shown: str) -> Iterator[Named]:
        for text, syllables in self.lexicon.strangers:
            if len(text) < len(units) and _fits(units[: len(text)], text, syllables):
                told = sum(unit.told for unit in units[: len(text)])
                if told >= 1.3:
                    strength = 0.93 * _sure(told + 0.45)
                    yield Named(
                        Concept("stranger", text),
                        strength,
                        f"“{shown}”属于{text}",
                        f"{shown} is somebody else's ({text})",
                    )

    def _near(self, units: tuple[_Unit, ...], shown: str, said: bool) -> Iterator[Named]:
        """Names that are nearly one of the lexicon's: a character more, fewer, or an unknown word before."""
        if not all(unit.syllable for unit in units):
            yield from self._near_initials(units, shown, said)
            return
        keys = [unit.character or unit.syllable or "" for unit in units]
        shared: dict[Phrase, int] = {}
        for pair in pairwise(keys):
            for phrase in self.lexicon.pairs.get(pair, ()):
                shared[phrase] = shared.get(phrase, 0) + 1
        for phrase in sorted(shared, key=lambda p: (-shared[p], len(p.text), p.text))[:60]:
            common = _longest_common(units, phrase, [self.lexicon.telling(key) for key in keys])
            of = phrase.text if units[0].character else phrase.syllables
            likeness = 2 * common / (sum(map(self.lexicon.telling, keys)) + sum(map(self.lexicon.telling, of)))
            if likeness >= 0.6 and keys != list(of):
                strength = 0.9 * likeness * _sure(len(of) * likeness * units[0].told)
                yield self._named(phrase, shown, strength, units, said, "近似", "nearly ")

    def _near_initials(self, units: tuple[_Unit, ...], shown: str, said: bool) -> Iterator[Named]:
        letters = "".join(unit.initial for unit in units)
        for size in range(len(letters) - 1, 3, -1):
            for part, before in ((letters[-size:], True), (letters[:size], False)):
                taken = units[-size:] if before else units[:size]
                for phrase in self.lexicon.phrases.get(part, ()):
                    if _fits(taken, phrase.text, phrase.syllables):
                        strength = (0.8 if before else 0.7) * _sure(sum(unit.told for unit in taken))
                        yield self._named(phrase, shown, strength, units, said, "部分", "in part ")
        if len(letters) >= 4:
            for phrase in self.lexicon.shortened.get(letters, ()):
                if len(letters) >= 5:
                    yield self._named(phrase, shown, 0.68 if len(letters) > 5 else 0.58, units, said, "近似", "nearly ")
            for n in range(1, len(letters) if len(letters) >= 6 else 0):
                for phrase in self.lexicon.phrases.get(letters[:n] + letters[n + 1 :], ()):
                    yield self._named(phrase, shown, 0.64, units, said, "近似", "nearly ")

    @staticmethod
    def _named(
        phrase: Phrase, shown: str, strength: float, units: tuple[_Unit, ...], said: bool, zh: str = "", en: str = ""
    ) -> Named:
        if said:
            return Named(
                phrase.concept,
                strength,
                f"说明“{shown}”{zh}即“{phrase.text}”",
                f"its documentation “{shown}” is {en}{phrase.text}",
            )
        if all(unit.character for unit in units):
            way_zh, way_en = "名称", "in Chinese"
        elif all(unit.syllable for unit in units):
            way_zh, way_en = "全拼", "in full pinyin"
        elif any(unit.character for unit in units):
            way_zh, way_en = "英文与拼音混写", "in English and pinyin mixed"
        else:
            way_zh, way_en = "拼音首字母", "by pinyin initials"
        return Named(
            phrase.concept,
            strength,
            f"“{shown}”{zh}为“{phrase.text}”的{way_zh}",
            f"{shown} is {en}{phrase.text} {way_en}",
            phrase.rare and not all(unit.syllable for unit in units),
        )

    # ------------------------------------------------------------ English
    def words_of(self, tokens: Sequence[str]) -> list[str] | None:
        """The English words of a name, or None where it is none: run-together words are taken apart."""
        lexicon, found, known = self.lexicon, [], 0
        for token in tokens:
            if token.isdigit():
                continue
            if token in lexicon.vocabulary:
                found.append(lexicon.word(token))
                known += 1
                continue
            single = token[:-1] if token.endswith("s") and not token.endswith("ss") else token
            if single in lexicon.vocabulary:
                found.append(lexicon.word(single))
                known += 1
                continue
            apart = self._apart(token) or self._stem(token)
            found += [lexicon.word(word) for word in apart] if apart else [token]
            known += len(apart or ())
        return found if known * 2 >= len(found) and known else None

    def _stem(self, token: str) -> list[str] | None:
        """The word that a token shortens, or another form of it: `infect` for infectious, `effectivity` for effective."""
        if len(token) < 4 or not token.isascii():
            return None
        best, longest = None, 0
        for word in self.lexicon.vocabulary:
            if len(word) < 4:
                continue
            common = next(
                (n for n, (a, b) in enumerate(zip(token, word, strict=False)) if a != b), min(len(token), len(word))
            )
            whole = common == len(token) >= 4 or common >= max(5, len(token) - 3, len(word) - 4)
            if whole and (common, word) > (longest, best or ""):
                best, longest = word, common
        return [best] if best else None

    def _apart(self, token: str) -> list[str] | None:
        """The words of a name that runs together, such as `idcardnum`: known ones of three letters or more, and id and no."""
        if len(token) < 5 or not token.isascii():
            return None

        def rest(at: int) -> list[str] | None:
            if at == len(token):
                return []
            for size in range(len(token) - at, 1, -1):
                word = token[at : at + size]
                if (
                    (size > 2 or word in ("id", "no"))
                    and word in self.lexicon.vocabulary
                    and (after := rest(at + size)) is not None
                ):
                    return [word, *after]
            return None

        found = rest(0)
        return found if found and len(found) > 1 else None

    def _english(self, tokens: Sequence[str], above: Sequence[str]) -> Iterator[Named]:
        own = self.words_of(tokens)
        if own is None:
            return
        lexicon = self.lexicon
        around: set[str] = set()
        for name in above[-2:]:
            around |= set(self.words_of(tokens_of(name)) or ())
        around -= set(own)
        everything, shown = set(own) | around, " ".join(own)
        stranger = next((w for w in lexicon.stranger_terms if w <= everything and not w <= {"person"}), None)
        for term in lexicon.terms:
            common = everything & term.words
            if not common or not common & set(own):
                continue
            over = 0.0
            for word in everything - term.words:
                if word in lexicon.light:
                    over += 0.08
                elif word in around:
                    over += 0.3 * min(lexicon.weight(word), 2.5)
                else:
                    over += lexicon.weight(word)
            total = sum(lexicon.weight(word) for word in term.words)
            got = sum(lexicon.weight(word) for word in common)
            share = got / (total + over)
            strength = 0.99 * share if got == total else 0.85 * share
            if stranger and term.concept.kind == "place" and not stranger <= term.words:
                strength *= 0.4
            if strength >= 0.4:
                yield Named(
                    term.concept, strength, f"英文“{shown}”即“{term.text}”", f"the words “{shown}” mean {term.text}"
                )
        if stranger and stranger & set(own):
            yield Named(Concept("stranger", shown), 0.95, f"“{shown}”属于他人", f"“{shown}” is somebody else's")


def _fits(units: Sequence[_Unit], text: str, syllables: Sequence[str]) -> bool:
    return len(units) == len(text) and all(
        unit.fits(character, syllable) for unit, character, syllable in zip(units, text, syllables, strict=True)
    )


def _longest_common(units: Sequence[_Unit], phrase: Phrase, weights: Sequence[float]) -> float:
    """The weight of the heaviest common subsequence of a name and a phrase."""
    row = [0.0] * (len(phrase.text) + 1)
    for unit, weight in zip(units, weights, strict=True):
        before = 0.0
        for n, (character, syllable) in enumerate(zip(phrase.text, phrase.syllables, strict=True), start=1):
            here = row[n]
            row[n] = before + weight if unit.fits(character, syllable) else max(row[n], row[n - 1])
            before = here
    return row[-1]
