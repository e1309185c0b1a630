"""Commands of `hub`, a file a group; `hub.cli` gathers them."""
