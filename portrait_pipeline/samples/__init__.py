"""Pictures to start with: two photos that come with installed packages, and artworks bundled with this
one."""

from .sources import SampleNames, Source, resolve, sample_names

__all__ = ["SampleNames", "Source", "resolve", "sample_names"]
