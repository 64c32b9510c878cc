"""Builder of the bundled head model from the ICT-FaceKit statistics.

``python -m portrait_pipeline.making.head_model ict_facekit.npz -o head_model.h5``

The measured heads give a surface and how it varies; topology, UV layout, landmark ids and bases are made
here: :mod:`source` reads and symmetrises, :mod:`surface` closes eyes and mouth and cuts the neck,
:mod:`remesh` triangulates one half anew, :mod:`topology` reflects it, :mod:`uv` lays it out, :mod:`transfer`
carries shapes over, :mod:`basis` re-estimates identities and :mod:`landmark_ids` places the 68 points.
"""
