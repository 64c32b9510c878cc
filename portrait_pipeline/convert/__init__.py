"""Foreign face models brought to the head's topology."""
