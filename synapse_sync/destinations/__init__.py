"""Destinations: where units go, behind one interface (base.py)."""
