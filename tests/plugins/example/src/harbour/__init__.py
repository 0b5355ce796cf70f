"""One plug-in of every kind that mainspring takes."""

MAINSPRING_API = 1
