"""The feature groups and the view of this project. Each module says what its rows are and when they were known."""
