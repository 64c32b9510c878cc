"""Stage ``export``: the files that a person opens, and posing a finished head."""
