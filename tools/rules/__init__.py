"""The rules of a chapter (CONTRIBUTING.md); tools/contract.py runs them."""
