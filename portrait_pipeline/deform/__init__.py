"""Stage ``deform``: the fitted head follows the translated landmarks (4.2)."""
