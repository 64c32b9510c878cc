"""Stage ``picture`` (7.4): the photo itself redrawn, bent by the translated landmarks and painted as the artwork."""
