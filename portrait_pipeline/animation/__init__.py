"""A stylised head that can be animated: expressions carried into its geometry, eyeballs, teeth and mouth."""

from .rig import Part, Rig

__all__ = ["Part", "Rig"]
