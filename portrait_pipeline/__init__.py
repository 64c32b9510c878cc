"""One portrait photo and one portrait artwork in, a textured, stylised, animatable 3D head out.

The rooms are named after the nouns of "Exemplar-Based 3D Portrait Stylization" (Han et al., TVCG 2021); what may import
what is held by tests/test_house.py.
"""

__version__ = "0.1.0"
