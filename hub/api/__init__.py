"""The contract's operations over HTTP: a few lines each, that call the flow and read-only queries."""
