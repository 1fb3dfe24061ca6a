"""What every test starts from: two logical devices, float32, fixed seeds, no home directory."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
# Pytest runs a process a core; threads of its own would only make each wait for the others.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
# Threads of linear algebra even burn what they wait: judging took up to five times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

from ganapp.screen import quiet_stderr

with quiet_stderr():  # it greets whoever runs several processes of pytest
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import config as tf_config
# Tracing makes millions of short-lived objects, which the collector would look through every time.
gc.set_threshold(200_000, 50, 100)
gc.freeze()  # nor need what is imported be looked through: it stays

# Two CPU devices give a real two-replica run on any machine; only possible before TensorFlow's
# first operation.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def two_replicas():
    """The only MirroredStrategy of the session: a third one in a process breaks (FACTS)."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(autouse=True)
def clean_keras():
    """The same seeds and float32 for every test, whatever the one before did."""
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    # Of the whole process; Keras then compiles nothing by XLA.
    tf_config.disable_op_determinism()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    """Where data are prepared, once a session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def session_cache(cache_dir):
    """Sources without an explicit directory prepare their data there, never in a home directory."""
    before = os.environ.get("GANAPP_CACHE")
    os.environ["GANAPP_CACHE"] = str(cache_dir)
    yield
    if before is None:
        del os.environ["GANAPP_CACHE"]
    else:
        os.environ["GANAPP_CACHE"] = before
