"""Data about the outside world: model runtimes and metric presets, as versioned YAML. No decisions."""
