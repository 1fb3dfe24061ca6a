"""The verbs: a file each, in which the typer signature is the verb; nothing heavy is imported."""

import typer

from ganapp.commands import (
    baseline,
    compare,
    data,
    diagnose,
    encode,
    evaluate,
    export,
    invert,
    list,
    predict,
    presets,
    publish,
    resume,
    runs,
    sample,
    serve,
    show,
    sweep,
    train,
    verify,
)
from ganapp.commands.options import PluginOption, name_plugins, with_plugins

# In the order of the help.
VERBS = {
    "data": data.data,
    "train": train.train,
    "resume": resume.resume,
    "sweep": sweep.sweep,
    "sample": sample.sample,
    "predict": predict.predict,
    "invert": invert.invert,
    "encode": encode.encode,
    "export": export.export,
    "verify": verify.verify,
    "publish": publish.publish,
    "serve": serve.serve,
    "evaluate": evaluate.evaluate,
    "compare": compare.compare,
    "diagnose": diagnose.diagnose,
    "baseline": baseline.baseline,
    "show": show.show,
    "list": list.list_members,
    "runs": runs.runs,
}
# Verbs that read files and build nothing of a configuration.
FILES_ALONE = ("verify", "publish", "serve", "show", "runs")

app = typer.Typer(
    name="ganapp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for name, verb in VERBS.items():
    app.command(name)(verb if name in FILES_ALONE else with_plugins(verb))
app.add_typer(presets.app, name="presets")


@app.callback()
def application(plugins: PluginOption = None) -> None:
    """Train, judge and ship generators: any objective x any network x any prior on any data."""
    name_plugins(plugins)
