"""What a model is worth on data: suites of measurements, each against its controls, with intervals."""
