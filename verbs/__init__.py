"""What the commands do, where `cli.py` would grow too long: a file a group of commands."""
