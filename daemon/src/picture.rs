//! The key URI as a picture made of text, for a prompt.

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// Light modules around the code. ISO/IEC 18004 asks for four; on a dark screen readers take two, and
/// a login shows all of the code on 24 lines, as long as the names in it are not long.
const QUIET_ZONE: usize = 2;
/// What the narrowest terminal shows that is promised a picture.
const COLUMNS: usize = 80;

/// A QR code in half blocks, two modules to a character, drawn for a dark terminal: a prompt can set
/// no colours, and phones read it the other way round as well. `None` when it is wider than a
/// terminal.
pub(crate) fn half_blocks(key_uri: &str) -> Option<Zeroizing<String>> {
    // The lowest correction, because the smallest picture is the one that fits: a screen is not a
    // label that gets scratched.
    let code = QrCode::with_error_correction_level(key_uri, EcLevel::L).ok()?;
    let width = code.width().checked_add(QUIET_ZONE.checked_mul(2)?)?;
    if width > COLUMNS {
        return None;
    }
    let is_light = |x: usize, y: usize| {
        let module = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < code.width());
        match (module(x), module(y)) {
            (Some(x), Some(y)) => code[(x, y)] == Color::Light,
            _ => true,
        }
    };
    let mut picture =
        Zeroizing::new(String::with_capacity(width.checked_mul(width)?.checked_mul(2)?));
    for y in (0..width).step_by(2) {
        if y > 0 {
            picture.push('\n');
        }
        for x in 0..width {
            // The row below the last is nobody's, and dark.
            picture.push(
                match (is_light(x, y), y.saturating_add(1) < width && is_light(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                },
            );
        }
    }
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_drawn_small_and_for_a_dark_terminal() {
        // As long as a key URI of 160 bit gets, with short names.
        let picture = half_blocks(&"x".repeat(130)).unwrap();
        let lines: Vec<_> = picture.lines().collect();
        assert!(lines.len() <= 23, "no room for the prompt on 24 lines: {}", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() == 45), "{}", *picture);
        // The quiet zone is light, and light is ink on a dark ground.
        assert!(lines[0].chars().all(|c| c == '█'), "{}", *picture);
        assert_eq!(lines[1].chars().nth(3), Some('▄'), "inside the finder pattern");
        assert_eq!(lines[1].chars().nth(2), Some(' '), "its edge is dark");
    }

    #[test]
    fn what_is_wider_than_a_terminal_is_not_drawn() {
        let widest = (0..600).rev().find_map(|length| half_blocks(&"x".repeat(length))).unwrap();
        assert_eq!(widest.lines().next().map(|line| line.chars().count()), Some(77));
        assert!(half_blocks(&"x".repeat(600)).is_none());
    }
}
