"""Functions of users: named by where they are, and identified by the digest of all that they can reach."""
