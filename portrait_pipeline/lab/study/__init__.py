"""The user study of section 6.3, with machines and with people."""
