"""What kind of file a document's bytes are, and what it is called as a file."""

from __future__ import annotations

#: First bytes of the formats that agencies send, with their media types.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"{\\rtf", "application/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
)

EXTENSIONS = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "rtf": "application/rtf",
    "doc": "application/msword",
    "wps": "application/vnd.ms-works",
    "ofd": "application/ofd",
    "zip": "application/zip",
    "txt": "text/plain",
    "xml": "application/xml",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_EXTENSION_OF = {media: name for name, media in reversed(EXTENSIONS.items())}


def media_type(content: bytes, title: str | None) -> str:
    """By the first bytes; where these tell nothing, by the extension in the title; else plain bytes."""
    for signature, media in SIGNATURES:
        if content.startswith(signature):
            return media
    return EXTENSIONS.get(_extension(title), "application/octet-stream")


def file_name(title: str, media: str | None) -> str:
    """The title as a file name: with the extension of its media type, where it has none that is known."""
    if _extension(title) in EXTENSIONS:
        return title
    extension = _EXTENSION_OF.get(media or "")
    return f"{title}.{extension}" if extension else title


def _extension(title: str | None) -> str:
    return (title or "").rpartition(".")[2].lower() if "." in (title or "") else ""
