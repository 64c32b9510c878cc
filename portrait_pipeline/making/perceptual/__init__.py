"""How the bundled perceptual weights were made: VGG-16 with batch norm on Tiny ImageNet, folded and balanced."""
