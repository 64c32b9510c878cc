"""The network that reads faces: points with their errors and parts of a picture; it knows no detector and no mesh."""
