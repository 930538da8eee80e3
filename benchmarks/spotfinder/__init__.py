"""The spot finder beside DIALS: the same spots, and how long they take."""
