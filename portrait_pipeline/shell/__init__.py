"""Hair, hat, clothes and shoulders around the head: one closed surface found in one photo, that follows the head."""
