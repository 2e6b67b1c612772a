// Recipes of the family: see recipe.h.
