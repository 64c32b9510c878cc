"""The ``portrait`` command: one file a command, thin; the only place with click."""
