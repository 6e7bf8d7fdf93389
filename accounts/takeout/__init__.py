"""Download of my data: a zip of what is kept of a user, made by a worker, with a link by mail."""
