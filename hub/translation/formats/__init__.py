"""The formats of records: XML, JSON, CSV and fixed width, each read into the one tree of `hub.translation.foreign`."""
