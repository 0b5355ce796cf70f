"""`python -m mainspring.cli`."""

from mainspring.cli import main

if __name__ == "__main__":
    main()
