"""A stylised head that can be animated: expressions carried into its geometry, eyeballs, teeth and mouth.

:func:`.build.build_rig` makes it; posing a finished one needs none of that, so it is not imported here.
"""

from .rig import Part, Rig

__all__ = ["Part", "Rig"]
