"""Stages ``autoencoder``, ``translation`` and ``translate``: the landmark translation network (4.1, eqs. 1-7)."""
