"""Training of the network that reads faces, from folders of pictures with points and parts."""
