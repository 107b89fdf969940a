//! Which picture of the key suits the place it is shown in.

use std::io::{self, IsTerminal};

use zeroize::Zeroizing;

use crate::{
    arguments::enroll::{Drawn, QrChoice},
    environment,
    qr::{self, Glyphs, Ink, Screen, Unfit},
};

/// The QR code for `key_uri` as wanted; `None` when none is wanted.
pub(super) fn draw(key_uri: &str, drawn: &Drawn) -> Option<Result<Zeroizing<String>, Unfit>> {
    let choice = if drawn.no_qr { QrChoice::None } else { drawn.qr };
    let is_terminal = io::stdout().is_terminal();
    let colour = is_terminal && environment::colour_is_welcome();
    let (ink, glyphs) = style(choice, colour, environment::locale_is_utf8())?;
    Some(qr::picture(key_uri, ink, glyphs, screen()))
}

/// Without colours the ground is unknown; most terminals are dark.
fn style(choice: QrChoice, colour: bool, utf8: bool) -> Option<(Ink, Glyphs)> {
    let ink = match choice {
        QrChoice::None => return None,
        QrChoice::Auto | QrChoice::Ascii if colour => Ink::Colour,
        QrChoice::Auto | QrChoice::Ascii | QrChoice::Dark => Ink::LightOnDark,
        QrChoice::Light => Ink::DarkOnLight,
    };
    let glyphs = if utf8 && choice != QrChoice::Ascii { Glyphs::HalfBlocks } else { Glyphs::Ascii };
    Some((ink, glyphs))
}

/// The size of the terminal on stdout, if it is one and knows its size.
fn screen() -> Option<Screen> {
    terminal_size::terminal_size_of(io::stdout()).map(
        |(terminal_size::Width(columns), terminal_size::Height(rows))| Screen { columns, rows },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_used_only_where_it_is_welcome() {
        use {Glyphs::*, Ink::*, QrChoice::*};
        for (choice, colour, utf8, expected) in [
            (Auto, true, true, Some((Colour, HalfBlocks))),
            (Auto, true, false, Some((Colour, Glyphs::Ascii))),
            (Auto, false, true, Some((LightOnDark, HalfBlocks))),
            (Auto, false, false, Some((LightOnDark, Glyphs::Ascii))),
            (Dark, true, true, Some((LightOnDark, HalfBlocks))),
            (Light, true, true, Some((DarkOnLight, HalfBlocks))),
            (Light, false, false, Some((DarkOnLight, Glyphs::Ascii))),
            (QrChoice::Ascii, false, true, Some((LightOnDark, Glyphs::Ascii))),
            (QrChoice::Ascii, true, true, Some((Colour, Glyphs::Ascii))),
            (QrChoice::None, true, true, Option::None),
        ] {
            assert_eq!(style(choice, colour, utf8), expected, "{choice:?} {colour} {utf8}");
        }
    }
}
