"""A first draft of a mapping for a system that nobody has mapped: from its contract, its samples, and the words of the domain.

`suggest` weighs every pair of a canonical and a foreign place by names, types and values, and asserts the pairs that are
surer than not; each with its reasons. Nothing here knows any dialect.
"""

from hub.workshop.suggestion.decide import Line, Suggestion, suggest
from hub.workshop.suggestion.lexicon import Lexicon
from hub.workshop.suggestion.places import Place, places_of
from hub.workshop.suggestion.sources import Foreign, Unreadable, read_foreign

__all__ = ["Foreign", "Lexicon", "Line", "Place", "Suggestion", "Unreadable", "places_of", "read_foreign", "suggest"]
