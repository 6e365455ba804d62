"""Recipes: one YAML file that describes one step."""

from staa_cli.recipes.load import load_preset, load_recipe
from staa_cli.recipes.shipped import find_recipe, shipped

__all__ = ["find_recipe", "load_preset", "load_recipe", "shipped"]
