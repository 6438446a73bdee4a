"""Those who are measured, one per file: ours and the peers."""
