"""`make rehearse`: the site under load while parts of it fail (docs/failure-tests.md)."""
