"""Table 1: ours and its rivals trained with the same schedule and held against real art (6.1)."""
