"""How a program can live and end: each as a program of its own, with its calls, and what it leaves."""

import signal
from typing import NamedTuple

CALLS = """
import os, signal, sys, threading, time
from numbered import ask, begin, trace
"""
TERMINATED = """
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(30)
"""
FORKED = """
def forked(child):
    pid = os.fork()
    if pid == 0:
        child()
        os._exit(9)  # what the child was to do itself
    return pid

def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
STARTING = """
def start():
    import multiprocessing
    multiprocessing.set_start_method(sys.argv[1])
    return multiprocessing
"""


class Life(NamedTuple):
    """A program, the numbers of the calls it makes, its exit status, and its stderr without the lines of tracebacks."""

    program: str
    calls: range
    status: int = 0
    said: str = ""


LIVES = {
    "ends at once": Life("trace(); ask(0)", range(1)),
    "sys.exit": Life("trace(); ask(0); sys.exit(3)", range(1), 3),
    "uncaught exception": Life("trace(); ask(0); raise ValueError('no')", range(1), 1, "ValueError: no\n"),
    "interrupted": Life(
        "trace(); ask(0); signal.raise_signal(signal.SIGINT)", range(1), -signal.SIGINT, "KeyboardInterrupt\n"
    ),
    "terminated": Life("trace(); ask(0)" + TERMINATED, range(1), -signal.SIGTERM),
    "ends with a stream open": Life("trace(); ask(0); stream = begin(1)", range(2)),
    "terminated with a stream open": Life("trace(); ask(0); stream = begin(1)" + TERMINATED, range(2), -signal.SIGTERM),
    "exception with a stream open": Life(
        "trace(); ask(0); stream = begin(1); raise ValueError('no')", range(2), 1, "ValueError: no\n"
    ),
}

FORKS = {
    "forked before configure": """
        def child():
            trace(); ask(0); sys.exit(3)
        pid = forked(child)
        trace(); ask(1); sys.exit(ended(pid) - 3)
    """,
    "ends by sys.exit": """
        trace(); ask(0)
        def child():
            ask(1); sys.exit(3)
        sys.exit(ended(forked(child)) - 3)
    """,
    "ends by os._exit after flush": """
        pipeline = trace(); ask(0)
        def child():
            ask(1); os._exit(3 if pipeline.flush() else 4)
        sys.exit(ended(forked(child)) - 3)
    """,
    "terminated child": """
        trace(); ask(0)
        def child():
            ask(1); signal.raise_signal(signal.SIGTERM)
        sys.exit(ended(forked(child)) + signal.SIGTERM)
    """,
    "both with streams open": """
        trace(); stream = begin(0)
        def child():
            other = begin(1); sys.exit(3)
        sys.exit(ended(forked(child)) - 3)
    """,
    "child of a child": """
        trace(); ask(0)
        def grandchild():
            ask(2); sys.exit(3)
        def child():
            ask(1); sys.exit(ended(forked(grandchild)))
        sys.exit(ended(forked(child)) - 3)
    """,
    # The exporter's thread is sending as the process forks, and both send at the same time afterwards.
    "in the midst of sending": """
        pipeline = trace()
        def child(number):
            for each in range(number, number + 5):
                ask(each); pipeline.flush()
            sys.exit(3)
        pids = []
        for number in range(0, 24, 6):
            ask(number)
            sending = threading.Thread(target=pipeline.flush)
            sending.start()
            pids.append(forked(lambda: child(number + 1)))
            sending.join()
        for number in range(24, 30):
            ask(number); pipeline.flush()
        sys.exit(sum(ended(pid) for pid in pids) - 12)
    """,
}
FORKED_CALLS = {"child of a child": range(3), "in the midst of sending": range(30)}

# Most load multiprocessing after the calls are traced, some before.
POOLS = {
    "Process": """
        trace()
        if __name__ == "__main__":
            multiprocessing = start()
            ask(0)
            children = [multiprocessing.Process(target=ask, args=(number,)) for number in range(1, 5)]
            for child in children: child.start()
            for child in children: child.join()
            sys.exit(sum(child.exitcode for child in children))
    """,
    "Process that traces itself": """
        def life(number):
            trace(); ask(number); stream = begin(number + 1); sys.exit(3)
        if __name__ == "__main__":
            multiprocessing = start()
            trace(); ask(0)
            child = multiprocessing.Process(target=life, args=(1,))
            child.start(); child.join()
            ask(3); ask(4)
            sys.exit(child.exitcode - 3)
    """,
    "Process with a thread that outlives it": """
        trace()
        def late():
            threading.main_thread().join(1); ask(2)  # the child's main thread waits for this one by then
        def life():
            ask(1); threading.Thread(target=late).start()
        if __name__ == "__main__":
            multiprocessing = start()
            ask(0)
            child = multiprocessing.Process(target=life)
            child.start(); child.join()
            ask(3); ask(4)
            sys.exit(child.exitcode)
    """,
    "Process that is terminated": """
        trace()
        def life(asked):
            ask(1); asked.set(); time.sleep(30)
        if __name__ == "__main__":
            multiprocessing = start()
            ask(0)
            asked = multiprocessing.Event()
            child = multiprocessing.Process(target=life, args=(asked,))
            child.start(); asked.wait(30); child.terminate(); child.join()
            ask(2); ask(3); ask(4)
            sys.exit(child.exitcode + signal.SIGTERM)
    """,
    "Pool that is closed": """
        trace()
        if __name__ == "__main__":
            multiprocessing = start()
            ask(0)
            pool = multiprocessing.Pool(2)
            pool.map(ask, range(1, 5)); pool.close(); pool.join()
    """,
    "Pool that is left": """
        trace()
        if __name__ == "__main__":
            multiprocessing = start()
            ask(0)
            with multiprocessing.Pool(2) as pool:
                pool.map(ask, range(1, 5), chunksize=1)
    """,
    "Pool of workers that are renewed": """
        if __name__ == "__main__":
            multiprocessing = start()
            trace(); ask(0)
            with multiprocessing.Pool(2, initializer=trace, maxtasksperchild=1) as pool:
                pool.map(ask, range(1, 5), chunksize=1)
    """,
    "ProcessPoolExecutor": """
        trace()
        if __name__ == "__main__":
            multiprocessing = start()
            from concurrent.futures import ProcessPoolExecutor
            ask(0)
            with ProcessPoolExecutor(2) as pool:
                list(pool.map(ask, range(1, 5)))
    """,
}
POOLED_CALLS = range(5)
