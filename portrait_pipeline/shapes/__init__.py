"""Stages ``landmark_sets`` and ``shape_space``: landmark sets and the shape space they span (4.1, "Training Data")."""
