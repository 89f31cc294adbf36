"""`make check-deploy`: everything about the deployment that can be checked without an AWS account (see README.md)."""
