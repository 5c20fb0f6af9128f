"""The command `spanglass`: a group, and a module for each of its commands, loaded when it is asked for."""

from importlib import import_module
from typing import Any, Final

import click

INTERRUPTED: Final = 130
"""The exit status of what is ended by Ctrl-C."""

COMMANDS: Final = {
    "dashboard": "spanglass.cli.dashboard",
    "demo": "spanglass.cli.demo",
    "doctor": "spanglass.cli.doctor",
    "export": "spanglass.cli.finetune",
    "replay": "spanglass.cli.replay",
    "show": "spanglass.cli.show",
    "stats": "spanglass.cli.stats",
}


class _Commands(click.Group):
    """Finds a command in its module: its function has the name of the command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return found if isinstance(found, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, which Ctrl-C ends with the status that shells have for it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Commands)
@click.version_option(package_name="spanglass")
def main() -> None:
    """Look at saved traces, send them on, and find out why none arrive."""
