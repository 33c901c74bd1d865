# SPDX-License-Identifier: MIT
"""register_openai: reads an API key from standard input and keeps it as openai_secret."""
import sys

from secretfs import Client

Client().create_secret("openai_secret", {"api_key": sys.stdin.readline().rstrip("\n")}, private="-p" in sys.argv)
