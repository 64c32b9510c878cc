"""The perceptual network: VGG-16, its weights and its hypercolumns, shared by the texture rooms."""
