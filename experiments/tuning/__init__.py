"""How a culture is tuned: evaluations, the search that asks for them, and what came of it."""
