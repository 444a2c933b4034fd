"""``sinch-voice completion``: what a shell needs to complete commands and options."""

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print what completes commands in a shell.

    For bash: sinch-voice completion bash > ~/.local/share/bash-completion/completions/sinch-voice
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(context.find_root().command, {}, "sinch-voice", "_SINCH_VOICE_COMPLETE").source())
