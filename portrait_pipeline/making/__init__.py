"""How the bundled assets were made; nothing imports it."""
