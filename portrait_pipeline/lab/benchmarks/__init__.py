"""Run times and memory of training and texture."""
