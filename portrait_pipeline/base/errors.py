"""Exceptions for mistakes a user can make and mend.

Every message is one line that names the file or parameter, the bad value, the valid range and the remedy.
The command line and the stage scripts print the line and exit with status 1; anything else is a bug and
keeps its traceback.
"""

NVDIFFRAST_INSTALL = "pip install --no-build-isolation git+https://github.com/NVlabs/nvdiffrast"
"""Remedy where the optional GPU renderer is asked for and missing."""


class PortraitError(Exception):
    """Base class of all user errors: ``str(error)`` is one line fit to be shown."""


class ParameterError(PortraitError):
    """A value in params.yaml or on the command line is missing, of the wrong type or out of range."""


class InputFileError(PortraitError):
    """A file given by the user is missing, unreadable, truncated, too large or not what it should be."""


class NoFaceError(InputFileError):
    """No face was found in an image."""


class LandmarkError(InputFileError):
    """A landmark file does not hold 68 finite points inside its image."""


class ArtifactError(PortraitError):
    """A stage output is missing, damaged or of another version; the remedy is to rerun its stage."""


class OutputError(PortraitError):
    """A result could not be written, for instance because the disk is full."""


class MissingDependencyError(PortraitError):
    """An optional package, back end or weight file is needed and absent."""


class TrainingError(PortraitError):
    """An optimisation left the finite numbers; the message names the term and the step."""


class OutOfMemory(PortraitError):
    """The memory of the GPU or the computer ran out; the message names the parameters to lower."""


class FitError(PortraitError):
    """A face model could not be fitted to the given landmarks."""


class ModelError(PortraitError):
    """A face model file is damaged, of another unit or layout, or not fit for what is asked of it."""
