"""Builder of the bundled head model from the ICT-FaceKit statistics.

The measured heads give a surface and how it varies; topology, UV layout, landmark ids and bases are made here:
:mod:`source` reads and symmetrises, :mod:`surface` closes eyes and mouth and cuts the neck, :mod:`features` finds lines
and wanted lengths, :mod:`remesh` triangulates one half anew, :mod:`disk` reflects it, :mod:`uv` lays it out,
:mod:`transfer` carries shapes over, :mod:`basis` re-estimates identities, :mod:`landmark_ids` places the 68 points.
"""
