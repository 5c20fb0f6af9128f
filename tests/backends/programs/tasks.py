"""A Celery application with one task, a call; its broker is the directory it is run in. As a program it sends tasks."""

import sys
from pathlib import Path

from celery import Celery  # type: ignore[import-untyped]  # it has no annotations
from numbered import ask, trace

folder = str(Path.cwd())
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder}
call = app.task(ask, name="call")
trace()

if __name__ == "__main__":
    for number in sys.argv[1:]:
        call.delay(int(number))
