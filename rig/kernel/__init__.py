"""From a recipe to a built kernel."""
