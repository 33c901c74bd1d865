# SPDX-License-Identifier: MIT
"""step_openai: a step of a pipeline, which needs the API key and tells how long it is."""
from secretfs import Client


def step() -> int:
    api_key = Client().get_secret("openai_secret").secret_values["api_key"]
    return len(api_key)


print(step())
