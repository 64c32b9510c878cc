"""The network that reads faces (points with their errors, parts of a picture), and dlib, the paper's detector."""
