"""Faces in a video, frame by frame, and heads that a video drives (7.1)."""
