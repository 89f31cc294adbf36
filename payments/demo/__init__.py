"""The demonstration school: people, courses and what they did, for trying the site and for tests of size."""
