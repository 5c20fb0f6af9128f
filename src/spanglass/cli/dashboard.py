"""`spanglass dashboard`."""

from pathlib import Path

import click

from spanglass.cli.output import say


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Where it listens.")
@click.option("--data", type=click.Path(path_type=Path, dir_okay=False), help="The file in which spans are kept.")
def dashboard(port: int, data: Path | None) -> None:
    """Take spans by OTLP over HTTP, and show them as pages."""
    from spanglass.dashboard.safety import Access  # noqa: PLC0415 - an extra
    from spanglass.dashboard.server import Server  # noqa: PLC0415 - an extra
    from spanglass.dashboard.store import Store  # noqa: PLC0415 - an extra

    try:
        server = Server(Store(data or Path("spanglass.db")), Access(), port)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    say(server.url)
    server.run()
