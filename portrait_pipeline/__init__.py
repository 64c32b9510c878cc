"""One portrait photo and one portrait artwork in, a textured, stylised, animatable 3D head out.

The rooms are named after the nouns of "Exemplar-Based 3D Portrait Stylization" (Han et al., TVCG 2021); what may import
what is held by tests/test_house.py.
"""

__version__ = "0.1.0"

import os
import sys
from types import TracebackType

# Before a library that computes with OpenMP is loaded: threads that wait for each other sleep. Spinning, which is its
# default, gains nothing measurable alone and halves the speed as soon as anything else runs, such as a browser.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_shown = sys.excepthook


def _interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ctrl-C while heavy modules are still being imported is no fault of the program: one line, no traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted; the same command starts over", file=sys.stderr)
    else:
        _shown(kind, error, trace)


sys.excepthook = _interrupted
