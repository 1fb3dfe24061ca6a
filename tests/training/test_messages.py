"""Settings in messages: what is copied onto a command line means what was meant."""

import shlex

import pytest

from ganapp.config.loading import with_overrides
from ganapp.training.messages import set_option


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("kind", "--set data.label=kind"),
        ("a b", """--set 'data.label="a b"'"""),
        ("007", """--set 'data.label="007"'"""),
        ("true", """--set 'data.label="true"'"""),
        ("it's", None),
        ("Łódź", None),
        (["u", "v w"], """--set 'data.label=["u", "v w"]'"""),
        (3, "--set data.label=3"),
        (True, "--set data.label=true"),
    ],
)
def test_a_setting_survives_the_shell(value, text):
    option = set_option("data.label", value)
    if text is not None:
        assert option == text
    flag, setting = shlex.split(option)
    assert flag == "--set"
    assert with_overrides({"data": {}}, [setting]) == {"data": {"label": value}}
