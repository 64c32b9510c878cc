"""How the bundled sample artworks were drawn: invented sitters on the face model, in eight styles of one hand each.

The landmarks are the model's own, projected, so that drawing and landmark file cannot drift apart.
"""
