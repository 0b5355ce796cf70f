"""Gates: versioned policies that decide from stored evidence whether a version may take an alias."""
