"""Pages for people: rendered on the server, in Chinese or English, with nothing fetched from anywhere else."""

from hub.console.pages import console

__all__ = ["console"]
