"""The proxy in front of a bucket: cut, down, slow."""

from __future__ import annotations

import time

import pytest
import requests
from mypy_boto3_s3.client import S3Client

from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.tcp_proxy import TcpProxy


def target_port(aws: AwsControl) -> int:
    return int(aws.url.rpartition(":")[2])


def test_bytes_pass_unchanged(aws: AwsControl) -> None:
    with TcpProxy(target_port(aws)) as proxy:
        direct = requests.get(f"{aws.url}/nobody", timeout=5)
        through = requests.get(f"{proxy.url}/nobody", timeout=5)
    assert (through.status_code, through.content) == (403, direct.content)


def test_while_down_every_connection_is_reset(aws: AwsControl) -> None:
    with TcpProxy(target_port(aws)) as proxy:
        proxy.go_down()
        with pytest.raises(requests.ConnectionError):
            requests.get(proxy.url, timeout=5)
        proxy.come_back()
        assert requests.get(proxy.url, timeout=5).status_code == 403


def test_a_request_that_was_carried_out_gets_no_answer(aws: AwsControl, s3: S3Client, bucket: str) -> None:
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "one"})
    with TcpProxy(target_port(aws)) as proxy:
        proxy.cut_after_request(lambda data: b"hello" in data)
        with pytest.raises(requests.ConnectionError):
            requests.put(url.replace(aws.url, proxy.url), data=b"hello", headers={"Host": aws.url[7:]}, timeout=20)
        assert proxy.dropped_answer.wait(5)
    assert s3.get_object(Bucket=bucket, Key="one")["Body"].read() == b"hello"


def test_a_slow_line_carries_as_many_bytes_a_second_as_told(aws: AwsControl, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="one", Body=b"x" * 20_000)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "one"})
    with TcpProxy(target_port(aws)) as proxy:
        proxy.slow_down(40_000)
        started = time.monotonic()
        answer = requests.get(url.replace(aws.url, proxy.url), headers={"Host": aws.url[7:]}, timeout=20)
        assert len(answer.content) == 20_000
        assert time.monotonic() - started > 0.4
