"""What scripts/conformance gives pytest to run the suite as it lies there.

  --cases FILE     run only the cases in FILE, one id a line
  --outcomes FILE  write "outcome<TAB>seconds<TAB>id<TAB>why" for each

An id is MODULE::CASE.  Outcomes are passed, failed, skipped.  Only what a case
itself found counts: cleaning up after it never fails it, nor the next one,
which gets bucket names of its own.
"""
import itertools
import os
import re
import sys

import pytest

number = itertools.count()


def pytest_addoption(parser):
    parser.addoption("--cases", required=True)
    parser.addoption("--outcomes", required=True)


def case_id(nodeid):
    return re.sub(r"^.*?(\w+)\.py::", r"\1::", nodeid)


def pytest_collection_modifyitems(config, items):
    with open(config.getoption("--cases")) as f:
        wanted = set(f.read().split("\n"))
    items[:] = [i for i in items if case_id(i.nodeid) in wanted]


class Recorder:
    """Outcomes, written as they come: a run that dies has told of those."""

    def __init__(self, path):
        self.out = open(path, "w")
        self.seconds = {}
        self.done = set()

    def pytest_runtest_logreport(self, report):
        case = case_id(report.nodeid)
        self.seconds[case] = self.seconds.get(case, 0) + report.duration
        if report.when == "teardown" or case in self.done:
            return
        if report.when == "setup" and report.passed:
            return
        why = ""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = crash.message if crash else str(report.longrepr)[-300:]
        elif report.skipped and isinstance(report.longrepr, tuple):
            why = report.longrepr[2]
        self.done.add(case)
        self.out.write("%s\t%.1f\t%s\t%s\n" % (
            report.outcome, self.seconds[case], case,
            " ".join(why.split())[:300]))
        self.out.flush()


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(
            Recorder(config.getoption("--outcomes")), "outcomes")


def sweep(prefix, client=None):
    """Remove the buckets of a case; what is locked stays behind."""
    suite = sys.modules["s3tests.functional"]
    client = client or suite.get_client()
    for bucket in suite.get_buckets_list(client, prefix):
        try:
            for batch in suite.list_versions(client, bucket, 500):
                client.delete_objects(
                    Bucket=bucket, BypassGovernanceRetention=True,
                    Delete={"Objects": batch, "Quiet": True})
            client.delete_bucket(Bucket=bucket)
        except Exception as e:  # told in the log, and no more than that
            print("not removed: %s: %s" % (bucket, e))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    suite = sys.modules["s3tests.functional"]
    for m in (suite, item.module):
        m.nuke_prefixed_buckets = sweep
    # The first case's prefix is the one of the configuration.
    n = next(number)
    if n > 0:
        suite.prefix = "c%s-%d-%d-" % (
            os.environ.get("PYTEST_XDIST_WORKER", ""), os.getpid(), n)
