"""Stage ``report``: quality and run time of every pair."""
