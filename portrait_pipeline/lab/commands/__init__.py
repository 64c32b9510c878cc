"""The commands of the laboratory, ``python -m portrait_pipeline.lab``: one file a command, thin."""
