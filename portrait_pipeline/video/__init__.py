"""Faces in a video, frame by frame (7.1)."""
