"""A stand-in for terraform-provider-aws: its schema, invented values, and no AWS (deploy/check/README.md)."""
