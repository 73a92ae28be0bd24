"""Bytes, files and arrays → what a model takes in."""

from explorer.inputs.array import load_array, prepare_array
from explorer.inputs.batch import frame_squares, normalise_squares
from explorer.inputs.decode import read_photo, reading_note
from explorer.inputs.file import read_file
from explorer.inputs.gallery import GalleryPhoto, gallery, gallery_photo
from explorer.inputs.given import Given, picture_of, prepare
from explorer.inputs.image import prepare_mask, prepare_photo
from explorer.inputs.pieces import isolated, numbered, pieces_of, quoted, right_to_left, token_name
from explorer.inputs.text import prepare_text, prepare_tokens, prepare_words
from explorer.inputs.tokenizer import load_tokenizer, words_of

__all__ = [
    "GalleryPhoto",
    "Given",
    "frame_squares",
    "gallery",
    "gallery_photo",
    "isolated",
    "load_array",
    "load_tokenizer",
    "normalise_squares",
    "numbered",
    "picture_of",
    "pieces_of",
    "prepare",
    "prepare_array",
    "prepare_mask",
    "prepare_photo",
    "prepare_text",
    "prepare_tokens",
    "prepare_words",
    "quoted",
    "read_file",
    "read_photo",
    "reading_note",
    "right_to_left",
    "token_name",
    "words_of",
]
