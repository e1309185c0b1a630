"""One record, many dialects: the mapping language, its compiler, codecs and code lists.

`load(config_dir, agencies)` gives the `Book` of dialects; a `Dialect` reads what its agencies send, writes what the hub sends
them, and words the hub's answers. Nothing here stores, sends or decides who receives a record.
"""

from hub.findings import ConfigErrors, Finding
from hub.translation.book import Book, check, load
from hub.translation.dialect import AnswerRecord, CannotWrite, Context, Dialect, Item, Message, ParkedPerson, Written
from hub.translation.reader import Blob

__all__ = [
    "AnswerRecord",
    "Blob",
    "Book",
    "CannotWrite",
    "ConfigErrors",
    "Context",
    "Dialect",
    "Finding",
    "Item",
    "Message",
    "ParkedPerson",
    "Written",
    "check",
    "load",
]
