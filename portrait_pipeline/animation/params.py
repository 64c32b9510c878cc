"""Parameters of the stage ``animation``."""

from __future__ import annotations

from ..base.params import Section


class AnimationParams(Section):
    """What makes a finished head ready to animate (7.1)."""

    eyes: bool = True
    """Eyeballs as meshes of their own that turn; without them the painted eyes stay, and do not look around."""
    mouth: bool = True
    """Teeth and the inside of the mouth, seen when the jaw opens."""
