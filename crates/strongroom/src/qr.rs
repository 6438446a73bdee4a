//! QR codes in a terminal. Comes in: a short text. Goes out: half blocks, two modules of height in
//! a character. Must not know: what the text means.

use qrcode::{Color, EcLevel, QrCode};

/// Modules around a code that stay light: cameras look for them.
const QUIET: usize = 4;

/// The code, light on dark as terminals mostly are: a light module is drawn, so that the quiet
/// zone is light too. `None`: the text is too long for any code.
pub fn drawn(text: &str) -> Option<String> {
    // A screen has no scratches; the lowest correction makes the largest modules.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = code.width();
    let colors = code.to_colors();
    let is_light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => colors[y * width + x] == Color::Light,
            _ => true,
        }
    };
    let whole = width + 2 * QUIET;
    let mut drawn = String::with_capacity(whole * (whole / 2 + 1) * 3);
    for y in (0..whole).step_by(2) {
        for x in 0..whole {
            let below = y + 1 < whole && is_light(x, y + 1);
            drawn.push(match (is_light(x, y), below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push('\n');
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_with_a_light_border_and_three_corners() {
        let text = format!("STRONGROOM:{}", "A".repeat(160));
        let drawn = drawn(&text).unwrap();
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        let width = lines[0].len();
        // Version 6 is 41 modules wide: alphanumeric mode, or it would be larger.
        assert_eq!(width, 41 + 2 * QUIET);
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines.iter().all(|line| line.len() == width));
        assert!(lines[..2].iter().flatten().all(|c| *c == '█'), "the quiet zone");
        // The finder pattern begins with seven dark modules above a dark, light … row.
        let top: String = lines[2][QUIET..QUIET + 7].iter().collect();
        assert_eq!(top, " ▄▄▄▄▄ ");
    }

    /// What a camera sees of the terminal, read by somebody else's program.
    #[test]
    fn a_camera_reads_what_was_drawn() {
        let longest = format!("STRONGROOM:{}", "Z".repeat(1_640));
        for text in ["STRONGROOM:AEYCAAIB", &format!("STRONGROOM:{}7", "Q2".repeat(90)), &longest] {
            let drawn = drawn(text).unwrap();
            let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
            // A character is two modules high; a module is four pixels wide here.
            let (width, height) = (lines[0].len() * 4, lines.len() * 8);
            let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
                let upper = (y / 4) % 2 == 0;
                let lit = match lines[y / 8][x / 4] {
                    '█' => true,
                    '▀' => upper,
                    '▄' => !upper,
                    _ => false,
                };
                if lit { 255 } else { 0 }
            });
            let codes = seen.detect_grids();
            assert_eq!(codes.len(), 1, "{drawn}");
            assert_eq!(codes[0].decode().unwrap().1, text);
        }
    }

    #[test]
    fn what_fits_no_code_is_not_drawn() {
        assert_eq!(drawn(&"A".repeat(5_000)), None);
    }
}
