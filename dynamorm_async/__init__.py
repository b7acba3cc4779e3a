"""Typed, async-first access to Amazon DynamoDB."""
