"""All stages as one: the parameters of params.yaml, pairs, and a pair made in memory from photo to files."""
