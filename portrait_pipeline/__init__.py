"""One portrait photo and one portrait artwork in, a textured, stylised, animatable 3D head out.

The sub-packages are named after the nouns of "Exemplar-Based 3D Portrait Stylization" (Han et al., TVCG 2021)
and import only in this order:

    errors, artifacts, params, progress          (single modules, used by all)
    images -> landmarks -> mesh -> face_model -> shapes -> translation -> deformation -> texture
           -> animation -> evaluation -> applications -> cli
"""

__version__ = "0.1.0"
