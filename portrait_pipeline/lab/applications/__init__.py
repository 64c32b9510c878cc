"""Sections 7.1, 7.3 and 7.4 on truths made by code: a head that acts, a body that waves; the strip that shows them."""
