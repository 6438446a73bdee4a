"""What every row shares: temp folders and processes, measuring, data, tables."""
