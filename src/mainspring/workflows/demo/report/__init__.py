"""The page that the demo leaves behind, a section a file."""
