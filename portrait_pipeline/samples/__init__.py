"""Pictures to start with: two photos that come with installed packages, and artworks bundled with this one."""
