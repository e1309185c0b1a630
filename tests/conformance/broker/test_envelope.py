"""A release note survives its frame, and nothing else passes for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.messaging.envelope import NotAReleaseNote, ReleaseNote, decode, encode


@given(st.builds(ReleaseNote, st.text(min_size=1, max_size=64), st.integers(1, 2**40)))
def test_what_was_encoded_is_decoded(note: ReleaseNote) -> None:
    assert decode(encode(note)) == note


def test_a_frame_is_small_and_says_its_version() -> None:
    assert json.loads(encode(ReleaseNote("d1", 3))) == {"v": 1, "delivery": "d1", "release": 3}
    assert len(encode(ReleaseNote("01JD9ZK6X3Q4W5E6R7T8Y9U0I1", 3))) < 80


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 1000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "version None"),
        (b'{"v":2,"delivery":"d","release":1}', "version 2"),
        (b'{"v":true,"delivery":"d","release":1}', "version True"),
        (b'{"v":1,"release":1}', "delivery"),
        (b'{"v":1,"delivery":"","release":1}', "delivery"),
        (b'{"v":1,"delivery":7,"release":1}', "delivery"),
        (b'{"v":1,"delivery":"d"}', "release"),
        (b'{"v":1,"delivery":"d","release":0}', "release"),
        (b'{"v":1,"delivery":"d","release":"1"}', "release"),
        (b'{"v":1,"delivery":"d","release":true}', "release"),
        (b'{"v":1,"delivery":"' + b"d" * 2000 + b'","release":1}', "too many"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(body: bytes, wrong: str) -> None:
    with pytest.raises(NotAReleaseNote, match=wrong):
        decode(body)
