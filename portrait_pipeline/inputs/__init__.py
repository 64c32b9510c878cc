"""Stage ``inputs``: what the files hold that params.yaml names, so that DVC sees them change wherever they lie."""
