"""The paper's experiments and proofs; nothing outside imports it. Its pipeline is stages/lab/dvc.yaml."""
