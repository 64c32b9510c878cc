"""Stage ``landmarks``: 68 points on the photo and the artwork of a pair."""
