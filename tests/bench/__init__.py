"""What tracing costs beside the bare SDK: in calls, which a machine does not change, and in CPU time."""
