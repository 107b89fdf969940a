//! Pictures as people have them, and pictures as nobody should.

use png::{BitDepth, Encoder};
use proptest::prelude::*;
use qrcode::{EcLevel, QrCode};

use super::*;
use crate::qr::{Symbol, bits};

const URI: &str = "otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                   &issuer=host&algorithm=SHA1&digits=6&period=30";

/// A picture that is made of one byte for each sample.
fn encoded(width: usize, colour: ColorType, samples: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let height = samples.len() / colour.samples() / width;
    let size = [width, height].map(|side| u32::try_from(side).unwrap());
    let mut encoder = Encoder::new(&mut file, size[0], size[1]);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    file
}

/// The QR code of [`URI`], and where it stands on a larger picture.
struct Shot {
    quiet: usize,
    module: usize,
    margin: [usize; 2],
    /// Luminance around the quiet zone.
    around: u8,
    dark: u8,
    light: u8,
}

const PLAIN: Shot = Shot { quiet: 4, module: 4, margin: [0, 0], around: 255, dark: 0, light: 255 };

impl Shot {
    /// Width and luminance of every pixel.
    fn pixels(&self) -> (usize, Vec<u8>) {
        let code = QrCode::with_error_correction_level(URI, EcLevel::M).unwrap();
        let symbol =
            Symbol { width: code.width(), quiet: self.quiet, modules: Zeroizing::new(bits(code)) };
        let side = symbol.side() * self.module;
        let [left, above] = self.margin;
        let (width, height) = (side + 2 * left, side + 2 * above);
        let pixel = |at: usize| {
            let inside = |at: usize, margin: usize| at.checked_sub(margin).filter(|at| *at < side);
            match (inside(at / width, above), inside(at % width, left)) {
                (Some(y), Some(x)) if symbol.is_dark(y / self.module, x / self.module) => self.dark,
                (Some(_), Some(_)) => self.light,
                _ => self.around,
            }
        };
        (width, (0..width * height).map(pixel).collect())
    }

    fn grey(&self) -> Vec<u8> {
        let (width, pixels) = self.pixels();
        encoded(width, ColorType::Grayscale, &pixels)
    }

    /// With each pixel's luminance turned into samples of `colour`.
    fn coloured(&self, colour: ColorType, samples: impl Fn(u8) -> Vec<u8>) -> Vec<u8> {
        let (width, pixels) = self.pixels();
        let samples: Vec<_> = pixels.into_iter().flat_map(samples).collect();
        encoded(width, colour, &samples)
    }
}

fn reads(png: &[u8]) -> bool {
    texts(png).unwrap().iter().map(|text| text.as_str()).eq([URI])
}

#[test]
fn a_picture_of_any_usual_size_is_read() {
    for module in [1, 2, 3, 8, 40] {
        assert!(reads(&Shot { module, ..PLAIN }.grey()), "{module}");
    }
}

#[test]
fn a_screenshot_has_margins_of_any_colour() {
    for around in [255, 128, 0] {
        for margin in [[1, 1], [30, 300], [500, 20]] {
            assert!(reads(&Shot { around, margin, ..PLAIN }.grey()), "{around} {margin:?}");
        }
    }
}

#[test]
fn a_code_cut_out_closely_is_read() {
    for quiet in [0, 1, 2] {
        assert!(reads(&Shot { quiet, ..PLAIN }.grey()), "{quiet}");
    }
}

#[test]
fn a_dark_theme_inverts_the_colours() {
    let inverted = Shot { dark: 255, light: 0, around: 0, ..PLAIN };
    assert!(reads(&inverted.grey()));
    for (around, margin) in [(255, [50, 50]), (30, [400, 90])] {
        let shot = Shot { dark: 230, light: 20, around, margin, ..PLAIN };
        assert!(reads(&shot.grey()), "{around}");
    }
}

#[test]
fn colours_are_read_by_their_luminance() {
    let blue_on_yellow = |grey: u8| if grey < 128 { vec![0, 0, 160] } else { vec![255, 240, 90] };
    assert!(reads(&PLAIN.coloured(ColorType::Rgb, blue_on_yellow)));
    let white_on_green = |grey: u8| if grey < 128 { vec![255; 3] } else { vec![0, 90, 30] };
    assert!(reads(&PLAIN.coloured(ColorType::Rgb, white_on_green)));
}

#[test]
fn a_transparent_ground_is_paper_or_a_dark_screen() {
    for ink in [0, 255] {
        let alone = |grey: u8| if grey < 128 { vec![ink, 255] } else { vec![0, 0] };
        assert!(reads(&PLAIN.coloured(ColorType::GrayscaleAlpha, alone)), "{ink}");
        let alone = |grey: u8| if grey < 128 { vec![ink, ink, ink, 255] } else { vec![0; 4] };
        assert!(reads(&PLAIN.coloured(ColorType::Rgba, alone)), "{ink}");
    }
}

#[test]
fn every_kind_of_png_is_read() {
    let (width, pixels) = PLAIN.pixels();
    let side = u32::try_from(width).unwrap();
    let write = |colour, depth, palette: Option<Vec<u8>>, data: &[u8]| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, side, side);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        file
    };
    let packed: Vec<u8> = pixels
        .chunks(width)
        .flat_map(|row| row.chunks(8))
        .map(|eight| {
            let bit = |(at, pixel): (usize, &u8)| (pixel & 1) << (7 - at);
            eight.iter().enumerate().map(bit).sum()
        })
        .collect();
    assert!(reads(&write(ColorType::Grayscale, BitDepth::One, None, &packed)));
    let colours = Some(vec![0, 0, 0, 250, 250, 210]);
    assert!(reads(&write(ColorType::Indexed, BitDepth::One, colours, &packed)));
    let wide: Vec<u8> = pixels.iter().flat_map(|pixel| [*pixel, *pixel]).collect();
    assert!(reads(&write(ColorType::Grayscale, BitDepth::Sixteen, None, &wide)));
}

#[test]
fn two_codes_are_both_read() {
    let (width, pixels) = PLAIN.pixels();
    let twice = [&pixels[..], &pixels[..]].concat();
    assert!(reads(&encoded(width, ColorType::Grayscale, &twice)), "the same one counts once");

    let other = super::super::file::png("https://example.org/a/long/enough/path").unwrap();
    let other = Picture::decode(&other).unwrap();
    let across = width.max(other.width);
    let mut samples = Vec::new();
    for (width, rows) in [(width, &pixels[..]), (other.width, &other.samples[..])] {
        for row in rows.chunks(width) {
            samples.extend_from_slice(row);
            samples.resize(samples.len() + across - width, 255);
        }
    }
    let found = texts(&encoded(across, ColorType::Grayscale, &samples)).unwrap();
    assert_eq!(found.len(), 2);
}

#[test]
fn a_picture_without_a_code_has_no_text() {
    for samples in [vec![255; 10_000], vec![0; 10_000], vec![0; 100]] {
        assert_eq!(texts(&encoded(100, ColorType::Grayscale, &samples)).unwrap(), []);
    }
    assert_eq!(texts(&encoded(1, ColorType::Grayscale, &[0])).unwrap(), []);
}

#[test]
fn what_is_no_picture_is_told() {
    let picture = PLAIN.grey();
    for broken in [&b""[..], b"otpauth://totp/x", b"\xff\xd8\xff\xe0JFIF", &picture[..60]] {
        assert!(matches!(texts(broken), Err(Unreadable::NotPng(_))), "{broken:?}");
    }
}

#[test]
fn a_picture_that_claims_too_much_takes_no_memory() {
    for [width, height] in [[4097, 1], [1, 4097], [u32::MAX >> 1, u32::MAX >> 1]] {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        file.extend(width.to_be_bytes());
        file.extend(height.to_be_bytes());
        file.extend([8, 0, 0, 0, 0]);
        let mut checksum = checksum_of(&file[12..]);
        file.append(&mut checksum);
        assert!(matches!(texts(&file), Err(Unreadable::TooLarge)), "{width} {height}");
    }
}

/// CRC-32 of a PNG chunk (ISO 3309), as bytes.
fn checksum_of(data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    (!crc).to_be_bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_picture_ends_the_program(
        width in 8_usize..120,
        rows in proptest::collection::vec(proptest::collection::vec(1_usize..6, 5..40), 10..60),
    ) {
        // Runs of dark and light, in which something like a finder pattern is frequent.
        let mut samples = Vec::new();
        for row in &rows {
            let mut line = Vec::new();
            for (at, run) in row.iter().cycle().enumerate() {
                line.resize(line.len() + run, if at % 2 == 0 { 0 } else { 255 });
                if line.len() >= width {
                    break;
                }
            }
            line.truncate(width);
            samples.extend_from_slice(&line);
        }
        let _ = texts(&encoded(width, ColorType::Grayscale, &samples));
    }

    #[test]
    fn no_code_that_is_spoilt_ends_the_program(
        quiet in 0_usize..3,
        module in 1_usize..4,
        blots in proptest::collection::vec((0_usize..400, 0_usize..400, 1_usize..40, 1_usize..40, any::<bool>()), 0..12),
        shear in 0_usize..3,
    ) {
        let (width, mut pixels) = Shot { quiet, module, ..PLAIN }.pixels();
        let height = pixels.len() / width;
        for (x, y, across, down, dark) in blots {
            for y in y % height..(y % height + down).min(height) {
                for x in x % width..(x % width + across).min(width) {
                    pixels[y * width + x] = if dark { 0 } else { 255 };
                }
            }
        }
        for (y, row) in pixels.chunks_mut(width).enumerate() {
            row.rotate_right((y * shear / 4) % width);
        }
        let _ = texts(&encoded(width, ColorType::Grayscale, &pixels));
    }
}
