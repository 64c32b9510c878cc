"""A rigged character takes a person's head (section 7.3): finding its face, cutting, sewing, writing; no pipeline."""
