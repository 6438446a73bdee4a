"""One row of the comparison per file: NAME, ABOUT, measure(scope, options) -> Report."""
