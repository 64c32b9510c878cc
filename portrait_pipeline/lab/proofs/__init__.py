"""What the method recovers of truths that are known: heads, painted heads, scans, deformations."""
