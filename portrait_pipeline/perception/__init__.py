"""What is seen in a picture of a face: 68 points, from a file beside it or by a detector, and who it is."""
