//! A QR code as the content of a file: SVG and PNG.

use qrcode::{EcLevel, QrCode, render::svg};
use zeroize::Zeroizing;

use super::{Symbol, Unfit, bits};

/// Pixels along a module, of which the smallest screens show enough for a phone.
const MODULE_PIXELS: usize = 8;
/// ISO/IEC 18004 asks for four light modules on every side.
const QUIET_ZONE: usize = 4;
/// Paper and printers lose a little; a terminal does not.
const CORRECTION: EcLevel = EcLevel::M;

/// `data` as an SVG document.
pub(crate) fn svg(data: &str) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    // Its quiet zone is the same four modules.
    let document = code(data)?.render::<svg::Color<'_>>().build();
    Ok(Zeroizing::new(document.into_bytes()))
}

/// `data` as a PNG picture in 8 bit grey.
pub(crate) fn png(data: &str) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    let code = code(data)?;
    let symbol =
        Symbol { width: code.width(), quiet: QUIET_ZONE, modules: Zeroizing::new(bits(code)) };
    let side = symbol.side() * MODULE_PIXELS;
    let pixels: Zeroizing<Vec<u8>> = Zeroizing::new(
        (0..side * side)
            .map(|at| (at / side / MODULE_PIXELS, at % side / MODULE_PIXELS))
            .map(|(row, column)| if symbol.is_dark(row, column) { 0 } else { u8::MAX })
            .collect(),
    );
    encoded(side, &pixels).map_err(|_| Unfit::TooMuchData)
}

fn encoded(side: usize, pixels: &[u8]) -> Result<Zeroizing<Vec<u8>>, png::EncodingError> {
    let mut file = Zeroizing::new(Vec::with_capacity(pixels.len()));
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut *file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

fn code(data: &str) -> Result<QrCode, Unfit> {
    QrCode::with_error_correction_level(data, CORRECTION).map_err(|_| Unfit::TooMuchData)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qr::scan;

    const URI: &str = "otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                       &issuer=host&algorithm=SHA1&digits=6&period=30";

    #[test]
    fn what_is_written_as_png_is_read_back() {
        let long = format!("{URI}&image={}", "x".repeat(1500));
        for data in ["otpauth://x", URI, &long] {
            let texts = scan::texts(&png(data).unwrap()).unwrap();
            assert_eq!(texts.iter().map(|text| &***text).collect::<Vec<_>>(), [data]);
        }
    }

    #[test]
    fn the_png_is_grey_with_a_quiet_zone_of_four() {
        let file = png(URI).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(&file[..]));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let width = code(URI).unwrap().width();
        assert_eq!((frame.width as usize, frame.height), ((width + 8) * 8, frame.width));
        assert_eq!(frame.color_type, png::ColorType::Grayscale);
        let side = frame.width as usize;
        for (at, pixel) in pixels.iter().enumerate() {
            let (y, x) = (at / side, at % side);
            let inside = (32..side - 32).contains(&x) && (32..side - 32).contains(&y);
            assert!(matches!(pixel, 0 | 255) && (inside || *pixel == 255), "{pixel} at {x},{y}");
        }
        assert_eq!(pixels[32 * side + 32], 0, "no finder pattern");
    }

    /// The dark modules of an SVG document that draws each as a square of 8, by left upper corner.
    fn dark_modules(document: &str) -> Vec<(usize, usize)> {
        let (_, path) = document.split_once(" d=\"").unwrap();
        let (path, _) = path.split_once('"').unwrap();
        let squares = path.split('M').filter(|square| !square.is_empty());
        squares
            .map(|square| {
                let (corner, rest) = square.split_once('h').unwrap();
                let (x, y) = corner.split_once(' ').unwrap();
                assert_eq!(rest, format!("8v8H{x}V{y}"));
                (y.parse::<usize>().unwrap() / 8, x.parse::<usize>().unwrap() / 8)
            })
            .collect()
    }

    #[test]
    fn the_svg_has_the_modules_of_the_code_and_a_quiet_zone_of_four() {
        let document = String::from_utf8(svg(URI).unwrap().to_vec()).unwrap();
        let code = code(URI).unwrap();
        let (width, modules) = (code.width(), bits(code));
        let expected: Vec<_> = (0..width * width)
            .filter(|at| modules[*at])
            .map(|at| (at / width + 4, at % width + 4))
            .collect();
        assert_eq!(dark_modules(&document), expected);
        let side = (width + 8) * 8;
        assert!(document.contains(&format!("viewBox=\"0 0 {side} {side}\"")), "{document}");
        assert!(document.contains("fill=\"#fff\"") && document.contains("fill=\"#000\""));
    }

    #[test]
    fn neither_file_holds_the_key_in_letters() {
        for file in [svg(URI).unwrap(), png(URI).unwrap()] {
            assert!(!String::from_utf8_lossy(&file).contains("GEZD"));
        }
    }

    #[test]
    fn more_than_a_code_can_hold_is_told() {
        let data = "x".repeat(3000);
        assert_eq!(svg(&data).unwrap_err(), Unfit::TooMuchData);
        assert_eq!(png(&data).unwrap_err(), Unfit::TooMuchData);
    }
}
