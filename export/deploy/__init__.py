"""Recipes for serving on other machines; see docs/deploy.md."""
