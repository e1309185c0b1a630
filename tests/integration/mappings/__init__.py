"""Versions of mappings on a real store."""
