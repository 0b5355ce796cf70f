"""What spans rooms: a new project, the demo."""
