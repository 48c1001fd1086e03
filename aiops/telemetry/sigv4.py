"""Signing requests for AWS, by botocore.

Source: AWS Signature Version 4.
"""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from aiops.core.errors import SourceError

EXTRA = "it needs the extra `aws`: pip install 'aiops-early-warnings[aws]'"
UNSIGNED = frozenset({"connection", "user-agent", "accept", "accept-encoding"})
"""Headers that a proxy on the way may change."""


class SigV4(AuthBase):
    """Signs every request with the credentials of AWS's usual chain: environment, profile, web identity, instance.

    Raises SourceError of kind auth when botocore is not installed, or the chain has nothing.
    """

    def __init__(self, source: str, region: str, service: str, profile: str = "") -> None:
        self._source, self._region, self._service = source, region, service
        try:
            from botocore.exceptions import BotoCoreError
            from botocore.session import Session
        except ImportError as e:
            raise SourceError(source, "auth", f"sigv4: {EXTRA}") from e
        try:
            self._credentials: Any = Session(profile=profile or None).get_credentials()
        except BotoCoreError as e:
            raise SourceError(source, "auth", f"sigv4: {e}") from e

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the signature."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        if self._credentials is None:
            raise SourceError(self._source, "auth", "sigv4: AWS's chain has no credentials; set a profile, or its variables")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in UNSIGNED}
        signed = AWSRequest(method=request.method, url=request.url, data=request.body or b"", headers=headers)
        try:
            SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(signed)
        except BotoCoreError as e:
            raise SourceError(self._source, "auth", f"sigv4: {e}") from e
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in signed.headers:
                request.headers[name] = signed.headers[name]
        return request
