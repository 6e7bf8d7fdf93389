"""The folder of doorbells, with real processes where several are what matters."""

import json
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection, Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES["fsatomic"] = "gas.transport:Transport"
ROOT = Path(__file__).resolve().parents[2]

DECLARE_AND_SEND = """
import sys
from kombu import Connection, Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES
TRANSPORT_ALIASES["fsatomic"] = "gas.transport:Transport"
folder, me = sys.argv[1:]
options = {"data_folder_in": f"{folder}/m", "data_folder_out": f"{folder}/m",
           "control_folder": f"{folder}/c", "processed_folder": f"{folder}/t"}
with Connection("fsatomic://localhost", transport_options=options) as connection:
    channel = connection.channel()
    sys.stdin.readline()
    for number in range(25):
        queue = Queue(f"q{me}x{number}", Exchange("gas", type="direct"), routing_key=f"q{me}x{number}")(channel)
        queue.declare()
    producer = connection.Producer()
    for number in range(25):
        producer.publish({"from": me}, exchange="gas", routing_key=f"q{me}x{number}")
"""

TAKE_ALL = """
import sys
from queue import Empty
from kombu import Connection
from kombu.transport import TRANSPORT_ALIASES
TRANSPORT_ALIASES["fsatomic"] = "gas.transport:Transport"
folder = sys.argv[1]
options = {"data_folder_in": f"{folder}/m", "data_folder_out": f"{folder}/m",
           "control_folder": f"{folder}/c", "processed_folder": f"{folder}/t"}
with Connection("fsatomic://localhost", transport_options=options) as connection:
    channel = connection.channel()
    sys.stdin.readline()
    while True:
        try:
            print(channel._get("work")["n"])
        except Empty:
            break
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_together(processes):
    """Let all begin at the same moment; returns what each printed."""
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        printed.append(out)
    return printed


@pytest.fixture
def channel(tmp_path):
    options = {
        "data_folder_in": str(tmp_path / "m"),
        "data_folder_out": str(tmp_path / "m"),
        "control_folder": str(tmp_path / "c"),
        "processed_folder": str(tmp_path / "t"),
    }
    with Connection("fsatomic://localhost", transport_options=options) as connection:
        yield connection.channel()


def test_messages_come_out_in_the_order_they_went_in(channel):
    for number in range(5):
        channel._put("work", {"n": number})

    assert channel._size("work") == 5
    assert [channel._get("work")["n"] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(Empty):
        channel._get("work")


def test_queues_do_not_see_each_others_messages(channel):
    channel._put("work", {"n": 1})

    with pytest.raises(Empty):
        channel._get("network")
    assert channel._size("network") == 0
    assert channel._purge("work") == 1


def test_a_worker_that_looks_into_an_empty_folder_soon_hears_that_it_must_stop(tmp_path):
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "polling_interval": 0.01}
    began = time.monotonic()
    with Connection("fsatomic://localhost", transport_options=options) as connection, pytest.raises(TimeoutError):
        connection.drain_events(timeout=20)

    assert time.monotonic() - began < 10


def test_a_taken_message_leaves_nothing_behind(channel, tmp_path):
    channel._put("work", {"n": 1})
    channel._get("work")

    assert list((tmp_path / "m").iterdir()) == []
    assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b'{"n": ', b"\xff\xfe"])
def test_a_message_that_cannot_be_read_is_set_aside_and_the_next_is_taken(channel, tmp_path, content):
    (tmp_path / "m" / f"{0:020d}_broken.work.msg").write_bytes(content)
    channel._put("work", {"n": 2})

    assert channel._get("work")["n"] == 2
    assert [file.read_bytes() for file in (tmp_path / "unreadable").iterdir()] == [content]


def test_a_message_that_is_still_being_written_is_not_seen(channel, tmp_path):
    (tmp_path / "m" / f".{0:020d}_half.work.msg").write_bytes(b'{"n": ')

    assert channel._size("work") == 0
    with pytest.raises(Empty):
        channel._get("work")


def test_a_queue_that_is_deleted_is_unbound(channel):
    queue = Queue("work", Exchange("gas", type="direct"), routing_key="work")(channel)
    queue.declare()
    assert [row.queue for row in channel.get_table("gas")] == ["work"]

    queue.delete()
    assert channel.get_table("gas") == []


def test_four_processes_that_declare_at_once_lose_no_queue(tmp_path):
    printed = run_together([start(DECLARE_AND_SEND, str(tmp_path), str(me)) for me in range(4)])

    assert len(printed) == 4
    table = json.loads((tmp_path / "c" / "gas.exchange").read_text())
    assert {row[2] for row in table} == {f"q{me}x{number}" for me in range(4) for number in range(25)}
    assert len(list((tmp_path / "m").iterdir())) == 100


def test_each_message_is_taken_by_one_of_several_processes(channel, tmp_path):
    for number in range(200):
        channel._put("work", {"n": number})

    printed = run_together([start(TAKE_ALL, str(tmp_path)) for _ in range(3)])

    taken = [int(line) for out in printed for line in out.split()]
    assert sorted(taken) == list(range(200))
