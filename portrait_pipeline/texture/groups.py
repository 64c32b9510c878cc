"""Which samples of head, shell, picture and artwork are compared with which."""

from __future__ import annotations

import torch

from ..regions.labels import CLOTHES, HAIR, SKIN, SURROUNDINGS, TEETH


def style_groups(
    region: torch.Tensor, style: torch.Tensor, front: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Groups of samples that are compared as distributions.

    Seen from the front the face with neck and ears, so that skin is one, and the clothes, both ways; hair with hair,
    both ways; skin seen from the sides and behind, and what the artwork has no part of its own for (hair where it shows
    none), with skin, one way: it takes colours and strokes, but nothing of the artwork has to be found there; clothes
    seen from elsewhere, one way, for a collar has no place on a back. Surroundings, which only pictures have, both
    ways, or with everything one way where an artwork shows none. Teeth that the artwork does not show take no part:
    whatever else they were compared with would show.

    Args:
        region: (P * N, C) labels of the scenes' samples. style: (P, M) of the artworks'.
        front: (P * N,) bool, views of the face.

    Returns:
        (P * N, G, C) and (P, G, M) masks as float32, and T: the first T groups are compared both ways.
    """
    shows = {label: (style == label).any(dim=1, keepdim=True) for label in (HAIR, CLOTHES, TEETH, SKIN, SURROUNDINGS)}
    each = len(region) // len(style)
    example = {label: part.repeat_interleave(each, 0) for label, part in shows.items()}
    styled, ahead = (region != TEETH) | example[TEETH], front[:, None]
    hair, clothes = ((region == label) & example[label] for label in (HAIR, CLOTHES))
    scene = region == SURROUNDINGS
    face = ahead & (region != HAIR) & (region != CLOTHES) & ~scene & styled
    rest = styled & ~hair & ~clothes & ~face & ~scene
    skin, worn, around = (style == SKIN) | ~shows[SKIN], style == CLOTHES, style == SURROUNDINGS
    both = [(face, (style != HAIR) & ~worn & ~around), (hair, style == HAIR), (clothes & ahead, worn)]
    one = [(rest, skin), (clothes & ~ahead, worn)]
    if bool(scene.any()):
        both.append((scene & example[SURROUNDINGS], around))
        one.append((scene & ~example[SURROUNDINGS], torch.ones_like(worn)))
    ours, theirs = (torch.stack(part, dim=1).float() for part in zip(*both, *one, strict=True))
    return ours, theirs, len(both)
