"""SVAML models: limits, types, menus, and what is allowed where."""
