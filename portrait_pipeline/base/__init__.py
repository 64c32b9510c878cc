"""What every room stands on and knows no faces: errors, artifacts (HDF5, NPZ), stages, images, progress, parameters."""
