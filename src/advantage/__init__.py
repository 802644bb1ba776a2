"""The code of *From Attention to Advantage*: what the notebooks import, and the tests hold to published numbers."""

from importlib.metadata import version

from advantage.notebook import start
from advantage.quizzes import quiz

__all__ = ["quiz", "start"]
__version__ = version("advantage")
