"""How calls travel: connections, answers and what a failure means, at a pace that the server and the line bear."""
