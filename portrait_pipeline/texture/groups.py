"""Which samples of head, shell and artwork are compared with which."""

from __future__ import annotations

import torch

from ..regions.labels import CLOTHES, HAIR, SKIN, TEETH

TWO_WAY = 3


def style_groups(region: torch.Tensor, style: torch.Tensor, front: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Groups of samples that are compared as distributions; the first ``TWO_WAY`` of four both ways.

    The face seen from the front with neck and ears, so that skin is one, both ways; hair with hair and clothes with
    clothes, both ways; what the artwork has no part of its own for (skin seen from the sides and behind, hair where the
    artwork shows none), one way: it takes colours and strokes, but nothing of the artwork has to be found there. Teeth
    that the artwork does not show take no part: whatever else they were compared with would show.

    Args:
        region: (P * N, C) labels of the scenes' samples. style: (P, M) of the artworks'.
        front: (P * N,) bool, views of the face.

    Returns:
        (P * N, 4, C) and (P, 4, M) masks as float32.
    """
    shows = {label: (style == label).any(dim=1, keepdim=True) for label in (HAIR, CLOTHES, TEETH, SKIN)}
    each = len(region) // len(style)
    example = {label: part.repeat_interleave(each, 0) for label, part in shows.items()}
    styled = (region != TEETH) | example[TEETH]
    hair, clothes = ((region == label) & example[label] for label in (HAIR, CLOTHES))
    face = front[:, None] & (region != HAIR) & (region != CLOTHES) & styled
    ours = torch.stack([face, hair, clothes, styled & ~hair & ~clothes & ~face], dim=1)
    worn = (style == HAIR) | (style == CLOTHES)
    theirs = torch.stack([~worn, style == HAIR, style == CLOTHES, (style == SKIN) | ~shows[SKIN]], dim=1)
    return ours.float(), theirs.float()
