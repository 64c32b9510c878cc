"""Stage ``animation``: expressions carried into the stylised head, eyeballs, teeth and mouth (7.1)."""
