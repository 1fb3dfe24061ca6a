"""What a generator's example looks like in the making."""

import keras

from ganapp.models.tensors import EXAMPLE, output_tensors

# Begins the names of the layers at which it can be seen.
STAGE = "stage_"


def stages(generator: keras.Model) -> keras.Model | None:
    """The stages of a generator's example, by the generator's own inputs and weights.

    Returns:
        A network from the generator's inputs to a dict of its stages in their order, the last of
        which is the example; `None` where it makes the example at once.
    """
    names = [layer.name for layer in getattr(generator, "layers", ())]
    numbers = sorted(int(name.removeprefix(STAGE)) for name in names if name.startswith(STAGE))
    if len(numbers) < 2:
        return None
    found = {f"{STAGE}{n}": generator.get_layer(f"{STAGE}{n}").output for n in numbers}
    *_, last = found.values()
    example = output_tensors(generator, EXAMPLE)[EXAMPLE]
    if last is not example:  # each goes the way that the last one goes to become the example
        finish = keras.Model(last, example)
        found = {name: finish(each) for name, each in found.items()}
    return keras.Model(generator.input, found, name=f"{generator.name}_stages")
