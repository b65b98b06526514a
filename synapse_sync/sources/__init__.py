"""Where files come from: one interface (base.py), local and remote, and the pure comparison with what is known."""
