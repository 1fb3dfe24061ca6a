"""A TensorFlow Datasets builder over the digits that scikit-learn carries in its wheel."""

import numpy as np
import tensorflow_datasets as tfds

HELD_OUT = 300  # of 1,797; every class keeps its share


class GanappDigits(tfds.core.GeneratorBasedBuilder):
    """1,797 handwritten digits, 8 x 8 grey, from the UCI repository; needs no download."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        # Not `dataset_info_from_configs`, which looks for metadata in the folder that the name of
        # this module would have if packages were folders of one tree.
        return tfds.core.DatasetInfo(
            builder=self,
            description="The 8x8 handwritten digits of scikit-learn's load_digits.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
        )

    def _split_generators(self, dl_manager):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        # 17 grey levels (0 to 16) stretched over the 256 of a uint8 image.
        images = np.round(digits.images[..., None] * (255 / 16)).astype(np.uint8)
        train, test = train_test_split(
            np.arange(len(images)), test_size=HELD_OUT, random_state=0, stratify=digits.target
        )
        return {
            "train": self._generate_examples(images[train], digits.target[train]),
            "test": self._generate_examples(images[test], digits.target[test]),
        }

    def _generate_examples(self, images, labels):
        for key, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield key, {"image": image, "label": int(label)}
