"""Settings as configurations of Keras, so that a GAN can be saved whole."""

import dataclasses
from collections.abc import Iterator, Mapping

import keras

# Packages whose classes Keras finds by itself.
OF_KERAS = ("keras", "keras_hub", "keras_cv", "keras_nlp")
# Where Keras looks for a function by its name alone.
MODULES_OF_FUNCTIONS = (
    *(keras.activations, keras.constraints, keras.initializers, keras.losses),
    *(keras.metrics, keras.optimizers, keras.regularizers),
)
Config = dict[str, object]


class Serializable:
    """Mixed into frozen dataclasses, which Keras then saves by their fields.

    Those of ganapp are registered with Keras as soon as they are defined. Anybody else's is by
    `@keras.saving.register_keras_serializable()` above `@dataclasses.dataclass(...)`.
    """

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith("ganapp."):
            keras.saving.register_keras_serializable("ganapp")(cls)

    def get_config(self) -> Config:
        """The fields by name, as `keras.saving.serialize_keras_object` gives them."""
        fields = (field.name for field in dataclasses.fields(self) if field.init)
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in fields}

    @classmethod
    def from_config(cls, config: Config) -> "Serializable":
        found = keras.saving.deserialize_keras_object(dict(config))
        return cls(**{name: _as_tuples(value) for name, value in found.items()})


def serialize_parts(method: str, **parts: object) -> Config:
    """Configurations of objects by name, from which another process can make them again.

    Raises:
        ValueError: Keras knows a class or a function among them by no name, or an object does not
            say how it was made; with what to write.
    """
    found = {}
    for name, part in parts.items():
        _check_sharing(method, name, part)
        try:
            found[name] = keras.saving.serialize_keras_object(part)
        except (NotImplementedError, TypeError) as error:
            raise ValueError(
                f"`{method}` needs a configuration of `{name}`: give each class in it a complete "
                f"`get_config`. Received: {type(part).__name__}, of which Keras says: "
                f"{first_paragraph(error)}"
            ) from error
    check_registered(method, found)
    return found


def first_paragraph(error: Exception) -> str:
    """What an error of Keras says before its examples, in one line."""
    return " ".join(str(error).strip().partition("\n\n")[0].split())


def check_registered(method: str, config: object) -> None:
    """Refuses a configuration that holds what `keras.models.load_model` could not find.

    Raises:
        ValueError: with the names of the classes and functions, and what to write.
    """
    unknown = dict.fromkeys(_unregistered(config))
    if unknown:
        raise ValueError(
            f"`{method}` needs every class and function to be known to Keras by a name, or nobody "
            "could load what it writes: write `@keras.saving.register_keras_serializable()` above "
            "it (above `@dataclasses.dataclass` where there is one). "
            f"Received: {', '.join(map(repr, unknown))}"
        )


def description(kind: type) -> Config:
    """What Keras would write of a class, without its settings."""
    name = keras.saving.get_registered_name(kind)
    return {
        "module": kind.__module__,
        "class_name": kind.__name__,
        "config": {},
        "registered_name": name,
    }


def _unregistered(config: object) -> Iterator[str]:
    """Names of classes and functions that Keras would not find again."""
    if isinstance(config, list | tuple):
        for each in config:
            yield from _unregistered(each)
    elif isinstance(config, Mapping):
        if {"module", "class_name", "config", "registered_name"} <= config.keys():
            function = config["class_name"] == "function"
            name = config["config"] if function else config["class_name"]
            known = _is_function_of_keras(name) if function else _is_class_of_keras(config)
            registered = name if function else config["registered_name"] or name
            if not known and keras.saving.get_registered_object(registered) is None:
                yield name
        for each in config.values():
            yield from _unregistered(each)


def _is_class_of_keras(config: Config) -> bool:
    special = config["class_name"].startswith("__")  # a tensor, a type of one, ...
    return special or str(config["module"]).partition(".")[0] in OF_KERAS


def _is_function_of_keras(name: str) -> bool:
    return any(hasattr(module, name) for module in MODULES_OF_FUNCTIONS)


def _check_sharing(method: str, name: str, part: object) -> None:
    """Refuses a layer with weights in two networks within one: Keras would make two of it."""
    owners: dict[int, keras.Model] = {}
    for network in _graphs(part):
        for layer in network.layers:
            if layer.weights and owners.setdefault(id(layer), network) is not network:
                raise ValueError(
                    f"`{method}` cannot write a layer that two networks within `{name}` share: "
                    "Keras would make two layers of it. Put it into one of them, or call it in "
                    f"`{name}` itself; `save_weights` works. Received: {layer.name!r} in "
                    f"{owners[id(layer)].name!r} and in {network.name!r}"
                )


def _graphs(part: object) -> Iterator[keras.Model]:
    """A network and those within it that Keras writes layer by layer: no subclasses of others."""
    if isinstance(part, keras.Model) and type(part).__module__.startswith("keras."):
        yield part
        for layer in part.layers:
            yield from _graphs(layer)


def _as_tuples(value: object) -> object:
    """Lists, which are what JSON leaves of tuples, as tuples again."""
    if isinstance(value, list):
        return tuple(map(_as_tuples, value))
    return {k: _as_tuples(v) for k, v in value.items()} if isinstance(value, dict) else value
