"""What a change of a mapping is, in words: which place is written or read in another way, and which code means another thing."""

from __future__ import annotations

import pytest

from hub.domain.agencies import Agencies
from hub.translation.release import Release, compiler, of_configuration
from hub.workshop.difference import LineChange, by_file, by_line
from tests.flow_hub import MAPPINGS

HANDOVER = "dialects/prison/admission.parole-handover.yaml"
COMPILE = compiler(Agencies([], {}), {})


@pytest.fixture(scope="module")
def prison() -> Release:
    return of_configuration(MAPPINGS, "prison")


def _changed(release: Release, **texts: tuple[str, str]) -> list[LineChange]:
    files = dict(release.files)
    for path, (before, after) in texts.items():
        assert before.encode() in files[path]
        files[path] = files[path].replace(before.encode(), after.encode(), 1)
    return by_line(COMPILE(release), COMPILE(Release.of(release.dialect, files)))


def _of(
    changes: list[LineChange], exchange: str = "admission.parole-handover"
) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.change, one.place, one.before, one.after) for one in changes if one.exchange == exchange]


def test_a_line_that_is_written_in_another_way(prison: Release) -> None:
    found = _changed(prison, **{HANDOVER: ('CYM, list: ";"', 'CYM, list: ","')})
    assert _of(found) == [("changed", "person.former_names", "ZFXX/CYM (list: ;)", "ZFXX/CYM (list: ,)")]
    one = next(one for one in found if one.exchange == "admission.parole-handover")
    assert one.file == f"mappings/{HANDOVER}"
    text = prison.files[HANDOVER].decode().splitlines()
    assert one.line is not None
    assert "former_names" in text[one.line - 1]
    assert one.zh == "修改 person.former_names ↔ ZFXX/CYM (list: ;) ⇒ ZFXX/CYM (list: ,)"
    assert {one.exchange for one in found} == {"admission.parole-handover", "admission.escort"}, "one is like the other"


def test_a_line_that_is_new_and_one_that_is_gone(prison: Release) -> None:
    added = _changed(prison, **{HANDOVER: ("  person.name:  ", "  message.key2: HEAD/X\n  person.name:  ")})
    assert ("added", "message.key2", None, "HEAD/X") in _of(added)
    gone = _changed(prison, **{HANDOVER: ("      title:                           MC\n", "")})
    assert ("removed", "documents[].title", "MC", None) in _of(gone), "a list's lines are named with their list"


def test_the_same_lines_in_another_order_and_other_comments_are_no_change(prison: Release) -> None:
    text = prison.files[HANDOVER].decode()
    name, key = "  person.name:                         ZFXX/XM\n", "  message.key:                         HEAD/LSH\n"
    moved = text.replace(name, "").replace(key, name + key + "  # reviewed\n")
    other = Release.of("prison", {**prison.files, HANDOVER: moved.encode()})
    assert by_line(COMPILE(prison), COMPILE(other)) == []
    assert [one.path for one in by_file(prison, other)] == [HANDOVER]


def test_a_setting_and_a_code_that_mean_another_thing(prison: Release) -> None:
    found = _changed(
        prison,
        **{
            "dialects/prison/dialect.yaml": ("policy: refused", "policy: parked"),
            "codelists/prison-units.yaml": ("codes:\n", "codes:\n  370881-SFJ: bureau.370881\n"),
            HANDOVER: ("label: ZFXX/XM", "label: ZFXX/GMSFHM"),
        },
    )
    assert ("changed", "policy", "refused", "parked") in _of(found, "")
    assert ("added", "prison-units/370881-SFJ", None, "bureau.370881") in _of(found, "")
    assert ("changed", "label", "ZFXX/XM", "ZFXX/GMSFHM") in _of(found)


def test_a_mapping_more_and_a_mapping_less(prison: Release) -> None:
    less = Release.of("prison", {path: text for path, text in prison.files.items() if "escort" not in path})
    (one,) = [one for one in by_line(COMPILE(prison), COMPILE(less)) if one.exchange == "admission.escort"]
    assert (one.change, one.en) == ("removed", "the mapping of admission.escort is removed")
    (one,) = [one for one in by_line(COMPILE(less), COMPILE(prison)) if one.exchange == "admission.escort"]
    assert one.change == "added"
