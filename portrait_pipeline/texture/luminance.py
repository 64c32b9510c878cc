"""The weights of red, green and blue in a picture's luminance."""

LUMINANCE = (0.299, 0.587, 0.114)  # Rec. 601
