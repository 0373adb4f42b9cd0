"""A bitmap font of our own, 8 by 16 pixels: ASCII as it is drawn below, lines and blocks as they are computed.

A glyph is sixteen numbers, one a row of pixels, the leftmost pixel in bit 7.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from conduit.rfb.textscreen.boxes import drawn_glyph

Glyph = tuple[int, ...]

WIDTH: Final = 8  # pixels
HEIGHT: Final = 16
FIRST: Final = 0x20
_TOP: Final = 2  # empty rows above what is drawn
_ROWS: Final = 13  # that are drawn
_PITCH: Final = 8  # columns from one glyph to the next below
_PER_STRIP: Final = 14

# 0x20 to 0x7E, fourteen side by side.
_STRIPS: Final = """\
          #      #  #    #  #      #     ##       ##       #        #     #
          #      #  #    #  #      #    #  #  #  #  #      #       #       #
          #      #  #    #  #    #####  #  # #   #  #      #      #         #
          #             ######  #  #  #  ##  #   #  #             #         #    #   #     #
          #              #  #   #  #       #      ##              #         #     # #      #
          #              #  #    #####     #     ##   #           #         #   ####### #######          #####
          #             ######     #  #   # ##  #  # #            #         #     # #      #
                         #  #   #  #  #   ##  # #   #             #         #    #   #     #
          #              #  #    #####   # #  # #  # #             #       #                       #
          #              #  #      #     #  ##   ##   #             #     #                        #
                                   #                                                              #


             #   ####      #     ####    ####        #  ######    ###   ######   ####    ####
             #  #    #    ##    #    #  #    #      ##  #        #      #    #  #    #  #    #
            #   #   ##   # #    #    #       #     # #  #       #            #  #    #  #    #
            #   #  # #     #         #       #    #  #  #       #           #   #    #  #    #     #       #
           #    #  # #     #        #     ###    #   #  #####   #####       #    ####   #    #     #       #
           #    # #  #     #       #         #  #    #       #  #    #     #    #    #   #####
          #     # #  #     #      #          #  ######       #  #    #     #    #    #       #
          #     ##   #     #     #           #       #       #  #    #    #     #    #       #
   #     #      #    #     #    #       #    #       #  #    #  #    #    #     #    #      #      #       #
   #     #       ####    #####  ######   ####        #   ####    ####     #      ####    ###       #       #
                                                                                                          #


                         ####    ####    ####   #####    ####   ####    ######  ######   ####   #    #   #####
     #           #      #    #  #    #  #    #  #    #  #    #  #   #   #       #       #    #  #    #     #
    #             #     #    #  #    #  #    #  #    #  #       #    #  #       #       #       #    #     #
   #               #         #  #  ###  #    #  #    #  #       #    #  #       #       #       #    #     #
  #     ######      #       #   # #  #  #    #  #####   #       #    #  #####   #####   #       ######     #
 #                   #     #    # #  #  ######  #    #  #       #    #  #       #       #  ###  #    #     #
  #                 #      #    #  ###  #    #  #    #  #       #    #  #       #       #    #  #    #     #
   #    ######     #            #       #    #  #    #  #       #    #  #       #       #    #  #    #     #
    #             #        #    #    #  #    #  #    #  #    #  #   #   #       #       #    #  #    #     #
     #           #         #     ####   #    #  #####    ####   ####    ######  #        ####   #    #   #####



   ###  #    #  #       #     # #    #   ####   #####    ####   #####    ####   ####### #    #  #     # #     #
     #  #   #   #       ##   ## #    #  #    #  #    #  #    #  #    #  #    #     #    #    #  #     # #     #
     #  #  #    #       # # # # ##   #  #    #  #    #  #    #  #    #  #          #    #    #  #     # #     #
     #  # #     #       #  #  # ##   #  #    #  #    #  #    #  #    #  #          #    #    #   #   #  #     #
     #  ##      #       #  #  # # #  #  #    #  #    #  #    #  #####    ####      #    #    #   #   #  #     #
     #  ##      #       #     # #  # #  #    #  #####   #    #  # #          #     #    #    #   #   #  #  #  #
     #  # #     #       #     # #   ##  #    #  #       #    #  #  #         #     #    #    #    # #   #  #  #
#    #  #  #    #       #     # #   ##  #    #  #       #  # #  #   #        #     #    #    #    # #   # # # #
#    #  #   #   #       #     # #    #  #    #  #       #   #   #    #  #    #     #    #    #     #    ##   ##
 ####   #    #  ######  #     # #    #   ####   #        ### #  #    #   ####      #     ####      #    #     #



#    #  #     # ######    ###    #        ###      #              #             #                    #
#    #  #     #      #    #      #          #     # #              #            #                    #
 #  #    #   #       #    #       #         #    #   #              #           #                    #
 #  #    #   #      #     #       #         #                            ####   # ###    ####    ### #   ####
  ##      # #      #      #        #        #                                #  ##   #  #    #  #   ##  #    #
  ##       #      #       #        #        #                                #  #    #  #       #    #  #    #
 #  #      #     #        #         #       #                            #####  #    #  #       #    #  ######
 #  #      #    #         #         #       #                           #    #  #    #  #       #    #  #
#    #     #    #         #          #      #                           #    #  ##   #  #    #  #   ##  #    #
#    #     #    ######    ###        #    ###                            #####  # ###    ####    ### #   ####

                                                        #######

   ###          #          #         #  #         ##
  #             #          #         #  #          #
  #             #                       #          #
 #####   ### #  # ###     ##        ##  #   #      #    ######  # ###    ####   # ###    ### #  # ####   #####
  #     #   ##  ##   #     #         #  #  #       #    #  #  # ##   #  #    #  ##   #  #   ##  ##      #
  #     #    #  #    #     #         #  # #        #    #  #  # #    #  #    #  #    #  #    #  #       #
  #     #    #  #    #     #         #  ##         #    #  #  # #    #  #    #  #    #  #    #  #        ####
  #     #    #  #    #     #         #  # #        #    #  #  # #    #  #    #  #    #  #    #  #            #
  #     #   ##  #    #     #         #  #  #       #    #  #  # #    #  #    #  ##   #  #   ##  #            #
  #      ### #  #    #    ###        #  #   #     ###   #  #  # #    #   ####   # ###    ### #  #       #####
             #                       #                                          #            #
             #                   #   #                                          #            #
         ####                     ###                                           #            #
  #                                                         ##     #      ##
  #                                                        #       #        #
  #                                                        #       #        #
 #####  #    #  #    #  #     # #    #  #    #  ######     #       #        #
  #     #    #  #    #  #  #  # #    #  #    #       #    #        #         #   ##   #
  #     #    #  #    #  #  #  #  #  #   #    #      #      #       #        #   #  #  #
  #     #    #   #  #   #  #  #   ##    #    #    ##       #       #        #   #   ##
  #     #    #   #  #   #  #  #  #  #   #    #   #         #       #        #
  #     #   ##    ##    #  #  # #    #  #   ##  #          #       #        #
   ###   ### #    ##     ## ##  #    #   ### #  ######      ##     #      ##
                                             #                     #
                                             #
                                         ####
"""

# Characters that look like others.
_LOOKALIKES: Final[Mapping[str, str]] = {
    "\u00a0": " ",
    "\u00ad": "-",
    "\u00b7": ".",
    "\u00d7": "x",
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2212": "-",
    "\u2713": "v",
    "\u2717": "x",
}

UNKNOWN: Final[Glyph] = (0, 0, 0x7E, *(0x42,) * 8, 0x7E, 0, 0, 0, 0)
"What a character without a glyph looks like: a box."


def _cut() -> Iterator[Glyph]:
    """The glyphs of the strips, in order."""
    lines = _STRIPS.splitlines()
    for top in range(0, len(lines), _ROWS):
        rows = [f"{line:<{_PITCH * _PER_STRIP}}" for line in lines[top : top + _ROWS]]
        for left in range(0, _PITCH * _PER_STRIP, _PITCH):
            bits = [int("".join("01"[dot == "#"] for dot in row[left : left + WIDTH]), 2) for row in rows]
            yield (0,) * _TOP + tuple(bits) + (0,) * (HEIGHT - _TOP - _ROWS)


_ASCII: Final[Mapping[str, Glyph]] = {
    chr(FIRST + number): glyph for number, glyph in enumerate(_cut()) if FIRST + number < 0x7F
}


def glyph_of(character: str) -> Glyph:
    """How it looks; without its accents where those are all that is missing."""
    character = _LOOKALIKES.get(character, character)
    if character in _ASCII:
        return _ASCII[character]
    drawn = drawn_glyph(character)
    if drawn is not None:
        return drawn
    return _ASCII.get(unicodedata.normalize("NFKD", character)[0], UNKNOWN)


def bolder(glyph: Glyph) -> Glyph:
    """The same with strokes of two pixels."""
    return tuple((row | row >> 1) & 0xFF for row in glyph)
