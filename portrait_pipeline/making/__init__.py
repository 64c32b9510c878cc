"""How the bundled assets were made; nothing imports this package."""
