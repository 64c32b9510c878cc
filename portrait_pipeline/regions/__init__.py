"""Regions of artwork and head (skin, eyes, lips, hair ...), shared by the texture rooms."""
