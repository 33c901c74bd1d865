# SPDX-License-Identifier: MIT
"""secretfs: secrets of a mounted secretfs tree, for Python.

    from secretfs import Client

    Client().get_secret("openai_secret").secret_values["api_key"]
"""
from .client import Client
from .errors import (
    DaemonGone,
    InvalidInput,
    KeyNotFound,
    LimitReached,
    MountAmbiguous,
    MountNotFound,
    MountNotTrusted,
    NotPermitted,
    SecretExists,
    SecretExpired,
    SecretfsError,
    SecretNotFound,
)
from .secret import Secret, SecretInfo, SecretPage

__version__ = "0.1.0"
__all__ = [
    "Client", "DaemonGone", "InvalidInput", "KeyNotFound", "LimitReached", "MountAmbiguous", "MountNotFound",
    "MountNotTrusted", "NotPermitted", "Secret", "SecretExists", "SecretExpired", "SecretInfo", "SecretNotFound",
    "SecretPage", "SecretfsError",
]  # fmt: skip
