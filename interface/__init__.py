"""How a component is run and where its records lie, never what it computes."""
