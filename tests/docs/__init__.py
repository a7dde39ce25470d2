"""The documentation: every object, command, link and piece of code in it is taken by what would take it."""
