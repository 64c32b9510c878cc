"""Rendering for the texture optimisation: one protocol, a CPU and a GPU implementation."""
