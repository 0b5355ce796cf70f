"""What a profile shows people: a page with plots."""
