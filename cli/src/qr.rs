//! A QR code drawn with characters, for a phone to read off a terminal.

pub(crate) mod file;
pub(crate) mod scan;

use std::fmt;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// How dark and light modules come about on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Black and white by escape sequence: right on any terminal that has colours.
    Colour,
    /// What is drawn is light: for light text on a dark ground.
    LightOnDark,
    /// What is drawn is dark: for dark text on a light ground, and for paper.
    DarkOnLight,
}

/// What the picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyphs {
    /// Two modules above each other in one character. Needs UTF-8.
    HalfBlocks,
    /// Two characters for one module.
    Ascii,
}

/// The room there is, in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// Why there is no picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A wrapped QR code is no QR code.
    TooNarrow { needed: usize, there: usize, glyphs: Glyphs },
    /// More data than a QR code can hold.
    TooMuchData,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooNarrow { needed, there, glyphs } => {
                write!(f, "The QR code needs {needed} columns and this terminal has {there}: ")?;
                f.write_str(match glyphs {
                    Glyphs::HalfBlocks => "make it wider",
                    Glyphs::Ascii => "make it wider, or use half of them with LC_ALL=C.UTF-8,",
                })?;
                f.write_str("\nand run this again; or type the key into the app.")
            }
            Self::TooMuchData => {
                f.write_str("The key URI is too long for a QR code: type the key into the app.")
            }
        }
    }
}

/// ISO/IEC 18004 asks for four light modules on every side. Phones make do with two, which is
/// better than a picture of which the top has scrolled away.
const QUIET_ZONES: [usize; 3] = [4, 3, 2];
/// Below the picture stands the prompt.
const PROMPT_ROWS: usize = 1;

/// Black and white of the colour cube, which unlike the first sixteen no theme repaints. The ground
/// behind a light cell is white as well: block characters leave seams in many fonts.
const WHITE_ON_BLACK: &str = "\u{1b}[38;5;231;48;5;16m";
const WHITE_ON_WHITE: &str = "\u{1b}[38;5;231;48;5;231m";
const RESET: &str = "\u{1b}[0m";
/// Longest glyph: a half block in UTF-8.
const GLYPH_BYTES: usize = 3;

/// Draws `data` with the lowest error correction, which keeps it small: a screen has no scratches.
/// Without a `screen` there is nothing to overflow.
pub(crate) fn picture(
    data: &str,
    ink: Ink,
    glyphs: Glyphs,
    screen: Option<Screen>,
) -> Result<Zeroizing<String>, Unfit> {
    let code =
        QrCode::with_error_correction_level(data, EcLevel::L).map_err(|_| Unfit::TooMuchData)?;
    let width = code.width();
    let quiet = quiet_zone(width, glyphs, screen)?;
    let symbol = Symbol { width, quiet, modules: Zeroizing::new(bits(code)) };
    // Room for the widest cell everywhere, so that the text is not moved while it grows.
    let widest = symbol.side() * (WHITE_ON_WHITE.len() + GLYPH_BYTES) + RESET.len() + 1;
    let mut text = Zeroizing::new(String::with_capacity(symbol.side() * widest));
    match glyphs {
        Glyphs::HalfBlocks => symbol.draw_half_blocks(ink, &mut text),
        Glyphs::Ascii => symbol.draw_ascii(ink, &mut text),
    }
    Ok(text)
}

fn bits(code: QrCode) -> Vec<bool> {
    code.into_colors().into_iter().map(|color| color == Color::Dark).collect()
}

/// The widest quiet zone with which the whole picture fits. When it is only too tall, the
/// narrowest: the person can still make the window taller.
fn quiet_zone(width: usize, glyphs: Glyphs, screen: Option<Screen>) -> Result<usize, Unfit> {
    let [widest, .., narrowest] = QUIET_ZONES;
    let Some(screen) = screen else { return Ok(widest) };
    let (columns, rows) = (usize::from(screen.columns), usize::from(screen.rows));
    let size = |quiet: usize| {
        let side = width + 2 * quiet;
        match glyphs {
            Glyphs::HalfBlocks => (side, side.div_ceil(2) + PROMPT_ROWS),
            Glyphs::Ascii => (2 * side, side + PROMPT_ROWS),
        }
    };
    let fits = |quiet: &usize| size(*quiet).0 <= columns && size(*quiet).1 <= rows;
    let (needed, _) = size(narrowest);
    if needed > columns {
        return Err(Unfit::TooNarrow { needed, there: columns, glyphs });
    }
    Ok(QUIET_ZONES.into_iter().find(fits).unwrap_or(narrowest))
}

/// The modules of a QR code with a quiet zone around them; row and column count from its corner.
struct Symbol {
    width: usize,
    quiet: usize,
    modules: Zeroizing<Vec<bool>>,
}

impl Symbol {
    fn side(&self) -> usize {
        self.width + 2 * self.quiet
    }

    /// Everything outside the code is light, beyond the quiet zone as well.
    fn is_dark(&self, row: usize, column: usize) -> bool {
        let (Some(row), Some(column)) =
            (row.checked_sub(self.quiet), column.checked_sub(self.quiet))
        else {
            return false;
        };
        column < self.width && self.modules.get(row * self.width + column).copied().unwrap_or(false)
    }

    fn draw_half_blocks(&self, ink: Ink, text: &mut String) {
        for row in (0..self.side()).step_by(2) {
            let mut line = Line::new(ink, text);
            for column in 0..self.side() {
                line.push(match (self.is_dark(row, column), self.is_dark(row + 1, column)) {
                    (false, false) => ["█", " "],
                    (false, true) => ["▀", "▄"],
                    (true, false) => ["▄", "▀"],
                    (true, true) => [" ", "█"],
                });
            }
            line.end();
        }
    }

    fn draw_ascii(&self, ink: Ink, text: &mut String) {
        for row in 0..self.side() {
            let mut line = Line::new(ink, text);
            for column in 0..self.side() {
                line.push(if self.is_dark(row, column) { ["  ", "##"] } else { ["##", "  "] });
            }
            line.end();
        }
    }
}

/// One line of the picture while it grows.
struct Line<'a> {
    ink: Ink,
    colours: &'static str,
    text: &'a mut String,
}

impl<'a> Line<'a> {
    fn new(ink: Ink, text: &'a mut String) -> Self {
        Self { ink, colours: "", text }
    }

    /// A cell, as it looks when light modules are drawn and when dark ones are. Light ones are
    /// drawn in colour, too: spaces at the end of a line get lost when a screen is copied.
    fn push(&mut self, [light_drawn, dark_drawn]: [&str; 2]) {
        if self.ink == Ink::Colour {
            let all_light = dark_drawn.trim_start().is_empty();
            let colours = if all_light { WHITE_ON_WHITE } else { WHITE_ON_BLACK };
            if colours != self.colours {
                self.text.push_str(colours);
                self.colours = colours;
            }
        }
        self.text.push_str(if self.ink == Ink::DarkOnLight { dark_drawn } else { light_drawn });
    }

    fn end(self) {
        if self.ink == Ink::Colour {
            self.text.push_str(RESET);
        }
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                       &issuer=host&algorithm=SHA1&digits=6&period=30";
    const WIDE: Option<Screen> = Some(Screen { columns: 200, rows: 200 });

    fn width() -> usize {
        QrCode::with_error_correction_level(URI, EcLevel::L).unwrap().width()
    }

    fn lines(ink: Ink, glyphs: Glyphs, screen: Option<Screen>) -> Vec<Vec<char>> {
        let text = picture(URI, ink, glyphs, screen).unwrap();
        text.lines().map(|line| line.chars().collect()).collect()
    }

    /// The dark modules read back from half blocks, quiet zone included.
    fn modules(lines: &[Vec<char>], drawn_is_dark: bool) -> Vec<Vec<bool>> {
        lines
            .iter()
            .flat_map(|line| {
                ["█▀", "█▄"].map(|half| {
                    line.iter().map(|c| half.contains(*c) == drawn_is_dark).collect::<Vec<_>>()
                })
            })
            .collect()
    }

    #[test]
    fn four_light_modules_stand_on_every_side() {
        for (ink, drawn_is_dark) in [(Ink::LightOnDark, false), (Ink::DarkOnLight, true)] {
            let lines = lines(ink, Glyphs::HalfBlocks, None);
            let side = width() + 8;
            assert_eq!(lines.len(), side.div_ceil(2));
            assert!(lines.iter().all(|line| line.len() == side));
            let modules = modules(&lines, drawn_is_dark);
            for (y, row) in modules.iter().enumerate() {
                for (x, dark) in row.iter().enumerate() {
                    let inside = (4..side - 4).contains(&x) && (4..side - 4).contains(&y);
                    assert!(inside || !dark, "dark at {x},{y}");
                }
            }
            assert!(modules[4][4..11].iter().all(|dark| *dark), "no finder pattern");
        }
    }

    #[test]
    fn both_inks_draw_the_same_code() {
        let light = modules(&lines(Ink::LightOnDark, Glyphs::HalfBlocks, None), false);
        let dark = modules(&lines(Ink::DarkOnLight, Glyphs::HalfBlocks, None), true);
        assert_eq!(light, dark);
        let ascii = lines(Ink::DarkOnLight, Glyphs::Ascii, None);
        assert!(ascii.iter().all(|line| line.len() == 2 * (width() + 8)));
        for (row, line) in ascii.iter().enumerate() {
            let read: Vec<_> = line.chunks(2).map(|cell| cell == ['#', '#']).collect();
            assert_eq!(read, dark[row], "row {row}");
        }
    }

    #[test]
    fn escape_sequences_are_for_colour_only() {
        for glyphs in [Glyphs::HalfBlocks, Glyphs::Ascii] {
            for ink in [Ink::LightOnDark, Ink::DarkOnLight] {
                assert!(!picture(URI, ink, glyphs, WIDE).unwrap().contains('\u{1b}'));
            }
            let coloured = picture(URI, Ink::Colour, glyphs, WIDE).unwrap();
            for line in coloured.lines() {
                assert!(line.starts_with(WHITE_ON_WHITE) && line.ends_with(RESET), "{line:?}");
            }
            let plain = coloured.replace(WHITE_ON_WHITE, "").replace(WHITE_ON_BLACK, "");
            assert_eq!(
                plain.replace(RESET, ""),
                *picture(URI, Ink::LightOnDark, glyphs, WIDE).unwrap()
            );
        }
    }

    #[test]
    fn a_light_cell_is_white_through_and_through() {
        for glyphs in [Glyphs::HalfBlocks, Glyphs::Ascii] {
            for part in picture(URI, Ink::Colour, glyphs, WIDE).unwrap().split('\u{1b}') {
                let cells =
                    part.split_once('m').map_or("", |(_, cells)| cells.trim_end_matches('\n'));
                let is_light = !cells.is_empty() && cells.chars().all(|c| "█#".contains(c));
                assert_eq!(is_light, part.contains("48;5;231"), "{part:?}");
            }
        }
    }

    #[test]
    fn ascii_is_ascii() {
        assert!(picture(URI, Ink::Colour, Glyphs::Ascii, None).unwrap().is_ascii());
    }

    #[test]
    fn a_narrow_terminal_is_told_and_not_broken() {
        for (glyphs, needed) in
            [(Glyphs::HalfBlocks, width() + 4), (Glyphs::Ascii, 2 * (width() + 4))]
        {
            let there = needed - 1;
            let screen =
                |columns| Some(Screen { columns: u16::try_from(columns).unwrap(), rows: 100 });
            let error = picture(URI, Ink::Colour, glyphs, screen(there)).unwrap_err();
            assert_eq!(error, Unfit::TooNarrow { needed, there, glyphs });
            assert!(error.to_string().contains(&format!("{needed} columns")));
            assert!(picture(URI, Ink::Colour, glyphs, screen(needed)).is_ok());
        }
    }

    #[test]
    fn the_quiet_zone_gives_way_before_the_code_does() {
        let height =
            |rows| lines(Ink::Colour, Glyphs::HalfBlocks, Some(Screen { columns: 80, rows })).len();
        let least = (width() + 4).div_ceil(2);
        assert_eq!(height(100), (width() + 8).div_ceil(2));
        assert_eq!(height(u16::try_from(least).unwrap() + 1), least);
        assert_eq!(height(5), least);
    }

    #[test]
    fn more_than_a_code_can_hold_is_told() {
        let error = picture(&"x".repeat(3000), Ink::Colour, Glyphs::HalfBlocks, None);
        assert_eq!(error.unwrap_err(), Unfit::TooMuchData);
    }
}
