"""What a unit's meta is made of, and whether the collection's schema takes it. Pure."""
