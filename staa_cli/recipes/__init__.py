"""Recipes: one YAML file that describes one step."""

from staa_cli.recipes.load import dump_recipe, load_attackers, load_recipe, shipped_names

__all__ = ["dump_recipe", "load_attackers", "load_recipe", "shipped_names"]
