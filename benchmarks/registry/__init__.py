"""One mapping three ways: as the hub's mapping files, written by hand, and in JSONata. All three write the same bytes."""
