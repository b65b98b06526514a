"""How contents go up: the routes, and the storage behind presigned URLs (protocol §4)."""
