"""Two screenshots in one picture, to see at a glance what two people see."""

from pathlib import Path

from PIL import Image

__all__ = ["side_by_side"]

GAP = 24
HEIGHT = 1500


def side_by_side(left: Path, right: Path, target: Path) -> None:
    """Write the upper parts of two screenshots next to each other to ``target``."""
    images = [Image.open(path) for path in (left, right)]
    pair = Image.new("RGB", (sum(image.width for image in images) + GAP, HEIGHT), "#888888")
    pair.paste(images[0], (0, 0))
    pair.paste(images[1], (images[0].width + GAP, 0))
    pair.save(target)
