"""How fast the hub is, beside what an ordinary team would write, in one run on one machine. `make bench` runs it."""
