//! Reading the QR codes in a picture.

use std::{fmt, io::Cursor};

use png::{ColorType, Decoder, Limits, Transformations};
use rqrr::PreparedImage;
use zeroize::Zeroizing;

/// Longest side of a picture, in pixels: more than a screen has.
const MOST_PIXELS: u32 = 4096;
/// What the decoder may take besides the pixels, in bytes: a line of the widest picture, several
/// times.
const DECODER_BYTES: usize = 1024 * 1024;

/// Why there is nothing to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Not a PNG, or a broken one; in the words of the decoder.
    NotPng(String),
    /// More pixels on a side than are looked at.
    TooLarge,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPng(reason) => write!(f, "it is no PNG that can be read ({reason})"),
            Self::TooLarge => {
                write!(f, "it is larger than {MOST_PIXELS} by {MOST_PIXELS} pixels")
            }
        }
    }
}

/// The texts of all QR codes in a PNG picture, each once. Dark on light or light on dark.
pub(crate) fn texts(png: &[u8]) -> Result<Vec<Zeroizing<String>>, Unreadable> {
    let picture = Picture::decode(png)?;
    for ground in picture.grounds() {
        for inverted in [false, true] {
            let found = picture.scan(*ground, inverted);
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
    Ok(Vec::new())
}

/// Pixels of 8 bit samples, row by row.
struct Picture {
    width: usize,
    height: usize,
    colour: ColorType,
    samples: Zeroizing<Vec<u8>>,
}

impl Picture {
    fn decode(png: &[u8]) -> Result<Self, Unreadable> {
        let mut decoder =
            Decoder::new_with_limits(Cursor::new(png), Limits { bytes: DECODER_BYTES });
        // One byte for each sample, and no palette.
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let header = decoder.read_header_info().map_err(not_png)?;
        if header.width > MOST_PIXELS || header.height > MOST_PIXELS {
            return Err(Unreadable::TooLarge);
        }
        let mut reader = decoder.read_info().map_err(not_png)?;
        let bytes = reader.output_buffer_size().ok_or(Unreadable::TooLarge)?;
        let mut samples = Zeroizing::new(vec![0; bytes]);
        let frame = reader.next_frame(&mut samples).map_err(not_png)?;
        Ok(Self {
            width: usize::try_from(frame.width).unwrap_or_default(),
            height: usize::try_from(frame.height).unwrap_or_default(),
            colour: frame.color_type,
            samples,
        })
    }

    /// What shines through where the picture does not cover it: paper, or a dark screen.
    fn grounds(&self) -> &'static [u8] {
        match self.colour {
            ColorType::GrayscaleAlpha | ColorType::Rgba => &[u8::MAX, 0],
            ColorType::Grayscale | ColorType::Rgb | ColorType::Indexed => &[u8::MAX],
        }
    }

    /// Luminance of a pixel, 0 for black.
    fn luminance(&self, x: usize, y: usize, ground: u8) -> u8 {
        let channels = self.colour.samples();
        let start = (y * self.width + x) * channels;
        let pixel = self.samples.get(start..start + channels).unwrap_or_default();
        match *pixel {
            [grey] => grey,
            [grey, alpha] => covered(grey, alpha, ground),
            [red, green, blue] => grey_of(red, green, blue),
            [red, green, blue, alpha] => covered(grey_of(red, green, blue), alpha, ground),
            _ => ground,
        }
    }

    fn scan(&self, ground: u8, inverted: bool) -> Vec<Zeroizing<String>> {
        let pixel = |x, y| {
            let luminance = self.luminance(x, y, ground);
            if inverted { u8::MAX - luminance } else { luminance }
        };
        let mut found = Vec::new();
        let mut image = PreparedImage::prepare_from_greyscale(self.width, self.height, pixel);
        for grid in image.detect_grids() {
            let Ok((_, text)) = grid.decode() else { continue };
            let text = Zeroizing::new(text);
            if !found.contains(&text) {
                found.push(text);
            }
        }
        found
    }
}

fn not_png(error: png::DecodingError) -> Unreadable {
    match error {
        png::DecodingError::LimitsExceeded => Unreadable::TooLarge,
        other => Unreadable::NotPng(other.to_string()),
    }
}

/// ITU-R BT.709.
fn grey_of(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    u8::try_from(sum / 10_000).unwrap_or(u8::MAX)
}

/// What is seen of `grey` over `ground`.
fn covered(grey: u8, alpha: u8, ground: u8) -> u8 {
    let (grey, alpha, ground) = (u32::from(grey), u32::from(alpha), u32::from(ground));
    u8::try_from((grey * alpha + ground * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
