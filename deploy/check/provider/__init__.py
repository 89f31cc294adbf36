"""A stand-in for terraform-provider-aws: its schema, its own invented values, and no AWS (see deploy/check/README.md)."""
