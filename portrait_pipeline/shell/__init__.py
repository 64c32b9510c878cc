"""Stage ``shell``: hair, hat, clothes and shoulders around the head as one closed surface (7.2)."""
