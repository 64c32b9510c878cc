"""Reading other face models: one module a format, all to :class:`ForeignModel` in cm, +y up, +z out of the face, +x the
subject's left.

================  =======================================  ==========  ================  ==============================
format            source                                   unit        axes              bases
================  =======================================  ==========  ================  ==============================
ICT-FaceKit       folder ``FaceXModel`` of OBJ files       centimetre  y up, z forward   100 identity, 51 blend shapes
FaceWarehouse     folder ``Tester_*`` or core tensor       decimetre   y up, z forward   50 identity x 46 blend shapes
BFM 2017, 2019    HDF5 ``model2017-1_bfm_nomouth.h5`` ...  millimetre  y up, z forward   199 identity, 100 expression
FLAME             ``generic_model.pkl`` or ``.npz``        metre       y up, z forward   300 identity, 100 expression,
                                                                                         3 jaw shapes
own               ``.h5``, see ``model_file.py``           centimetre  y up, z forward   any
mesh              ``.obj``                                 centimetre  y up, z forward   none: the bundled ones
================  =======================================  ==========  ================  ==============================

In every format x points to the subject's left. ``UNITS`` holds the same units as numbers; a test converts one head
through all of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from .bfm import is_bfm, read_bfm
from .facewarehouse import is_facewarehouse, read_facewarehouse
from .flame import read_flame
from .foreign import ForeignModel
from .ict import find_folder, read_ict
from .own import read_mesh, read_own

__all__ = ["FORMATS", "UNITS", "ForeignModel", "read_foreign"]

UNITS = {"ict": 1.0, "facewarehouse": 10.0, "bfm": 0.1, "flame": 100.0, "own": 1.0, "mesh": 1.0}  # cm
FORMATS = tuple(UNITS)
REMEDY = (
    "give ICT-FaceKit's folder FaceXModel, FaceWarehouse's folder, a BFM .h5, FLAME's .pkl or .npz, our own .h5 or a "
    "mesh .obj"
)


def read_foreign(path: Path, template: Path | None = None, unit: float | None = None) -> tuple[str, ForeignModel]:
    """Read a model of any known format; which one is told by its content.

    Args:
        template: OBJ with FaceWarehouse's triangles, if it does not lie where the layout has it.
        unit: cm a unit of the file, if not the format's.

    Returns:
        the format (of ``FORMATS``), and the model.

    Raises:
        ModelError: no known format, or a damaged file.
    """
    kind = recognise(path)
    readers = {"ict": read_ict, "bfm": read_bfm, "flame": read_flame, "own": read_own, "mesh": read_mesh}
    model = read_facewarehouse(path, template) if kind == "facewarehouse" else readers[kind](path)
    if unit is not None and unit != UNITS[kind]:
        model = model.through(np.eye(3) * unit / UNITS[kind])
    return kind, model


def recognise(path: Path) -> str:
    """The format of a file or folder, one of ``FORMATS``.

    Raises:
        ModelError: there is none, or it is no known one.
    """
    if not path.exists():
        raise ModelError(f"{path}: missing; {REMEDY}")
    if path.is_dir() and find_folder(path):
        return "ict"
    if is_facewarehouse(path):
        return "facewarehouse"
    suffix = path.suffix.lower()
    if path.is_file() and suffix in (".pkl", ".npz"):
        return "flame"
    if path.is_file() and suffix == ".obj":
        return "mesh"
    if path.is_file() and suffix in (".h5", ".hdf5"):
        return "bfm" if is_bfm(path) else "own"
    raise ModelError(f"{path}: no known face model; {REMEDY}")
