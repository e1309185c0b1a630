"""A county for showing: simulated agencies as processes of their own, and a story walked through the real hub."""
