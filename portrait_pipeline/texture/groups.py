"""Which samples of head, shell and artwork are compared with which."""

from __future__ import annotations

import torch

from ..regions.labels import CLOTHES, HAIR, SKIN, TEETH

TWO_WAY = 3


def style_groups(region: torch.Tensor, style: torch.Tensor, front: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Groups of samples that are compared as distributions; the first ``TWO_WAY`` of five both ways.

    Seen from the front the face with neck and ears, so that skin is one, and the clothes, both ways; hair with hair,
    both ways; skin seen from the sides and behind, and what the artwork has no part of its own for (hair where it shows
    none), with skin, one way: it takes colours and strokes, but nothing of the artwork has to be found there; clothes
    seen from elsewhere, one way, for a collar has no place on a back. Teeth that the artwork does not show take no
    part: whatever else they were compared with would show.

    Args:
        region: (P * N, C) labels of the scenes' samples. style: (P, M) of the artworks'.
        front: (P * N,) bool, views of the face.

    Returns:
        (P * N, 5, C) and (P, 5, M) masks as float32.
    """
    shows = {label: (style == label).any(dim=1, keepdim=True) for label in (HAIR, CLOTHES, TEETH, SKIN)}
    each = len(region) // len(style)
    example = {label: part.repeat_interleave(each, 0) for label, part in shows.items()}
    styled, ahead = (region != TEETH) | example[TEETH], front[:, None]
    hair, clothes = ((region == label) & example[label] for label in (HAIR, CLOTHES))
    face = ahead & (region != HAIR) & (region != CLOTHES) & styled
    rest = styled & ~hair & ~clothes & ~face
    ours = torch.stack([face, hair, clothes & ahead, rest, clothes & ~ahead], dim=1)
    skin, worn = (style == SKIN) | ~shows[SKIN], style == CLOTHES
    theirs = torch.stack([(style != HAIR) & ~worn, style == HAIR, worn, skin, worn], dim=1)
    return ours.float(), theirs.float()
