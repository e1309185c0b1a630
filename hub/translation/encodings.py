"""The encodings that agencies' systems write: which bytes are which characters, and which characters cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.domain.faults import Fault, Malformed
from hub.domain.values import NotValid


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding by the name that a dialect gives it.

    What says GB2312 or GBK is read as GB18030, which holds both: systems that say the one often write the other.
    """

    name: str
    codec: str
    reads: str

    def decode(self, payload: bytes, rule: str) -> str:
        """The text of bytes. A byte order mark of UTF-8 is no text. Raises `Malformed` naming the byte that is none."""
        return decoded(payload, self.reads, rule)

    def encode(self, text: str) -> bytes:
        """The bytes of a text that `check` has let pass."""
        return text.encode(self.codec)

    def check(self, text: str) -> None:
        """Raises `NotValid` for the first character that the encoding does not have."""
        try:
            text.encode(self.codec)
        except UnicodeEncodeError as error:
            lost = text[error.start]
            shown = f"“{lost}”（U+{ord(lost):04X}）" if lost.isprintable() else f"U+{ord(lost):04X}"
            raise NotValid(
                "text.encoding",
                f"{self.name}编码没有字符{shown}（第{error.start + 1}个字符）：请改用GB18030，或由人工处理",
                f"{self.name} has no character {lost!r} (U+{ord(lost):04X}, character {error.start + 1}):"
                " use GB18030, or let a person decide",
            ) from error


UTF_8 = Encoding("UTF-8", "utf-8", "utf-8-sig")
GB18030 = Encoding("GB18030", "gb18030", "gb18030")
GBK = Encoding("GBK", "gbk", "gb18030")
#: The names that a dialect may give.
ENCODINGS: Mapping[str, Encoding] = {one.name: one for one in (UTF_8, GB18030, GBK)}


def decoded(payload: bytes, codec: str, rule: str) -> str:
    """Bytes as text, strictly. Raises `Malformed` that names the first byte that fits nothing."""
    try:
        return payload.decode(codec)
    except UnicodeDecodeError as error:
        shown = codec.removesuffix("-sig").upper()
        at = error.start + (3 if codec.endswith("-sig") and payload.startswith(b"\xef\xbb\xbf") else 0)
        byte = f"0x{payload[at]:02X}" if at < len(payload) else "-"
        raise Malformed(
            [
                Fault(
                    rule,
                    "",
                    f"内容不是{shown}编码（第{at}字节起，{byte}）：请按声明的编码发送",
                    f"not {shown} from byte {at} on ({byte}): send what the declaration says",
                    value=byte,
                )
            ]
        ) from error
