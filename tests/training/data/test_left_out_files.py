"""Files that are left out: their names as text, and one line about all of them."""

from ganapp.training.data.images import about_left_out
from ganapp.training.messages import printable


def test_names_become_text_on_one_line():
    assert printable("na\udcefve 1.png") == "na\\xefve 1.png"
    assert printable("a\nb\x1b[31m.png") == "a\\nb\\x1b[31m.png"
    assert printable("ä\u3000日本 👩‍🚀.png") == "ä\u3000日本 👩‍🚀.png"


def test_a_line_counts_and_names_an_example_of_each_reason():
    files = {f"{i}.png": f"it has {i}00 x 5 pixels" for i in range(1, 4)}
    said = about_left_out({"a.txt": "it is no image", **files})
    assert said == "4 files: 3 such as 1.png (it has 100 x 5 pixels); a.txt (it is no image)"
    assert about_left_out({"a.txt": "it is no image"}) == "1 file: a.txt (it is no image)"
    assert about_left_out({}) == ""
    many = about_left_out({str(i): "abcdefgh"[i] for i in range(8)})
    assert many.endswith("4 (e); 3 for other reasons")
