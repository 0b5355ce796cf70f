"""Models: packages of content-addressed files, versions of a name, aliases; safe loading."""
