//! QR codes: a link drawn in a terminal or as an SVG picture ([ISO/IEC 18004](https://www.iso.org/standard/83389.html)).

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around the code, without which cameras do not find it.
const MARGIN: i32 = 4;

/// A text as dark and light squares; `None` when it is too long for a code.
fn code(text: &str) -> Option<QrCode> {
    QrCode::encode_text(text, QrCodeEcc::Medium).ok()
}

/// The code of a text for a terminal, two rows of it in each line. Light is drawn and dark left out where the
/// background is dark, as it mostly is; the colours are set, so that it is right on any.
pub fn for_terminal(text: &str) -> Option<String> {
    /// Black on white.
    const COLOURS: &str = "\x1b[30;107m";
    const RESET: &str = "\x1b[0m";
    let code = code(text)?;
    let mut out = String::new();
    for y in (-MARGIN..code.size() + MARGIN).step_by(2) {
        out.push_str(COLOURS);
        for x in -MARGIN..code.size() + MARGIN {
            // Outside the code everything is light.
            out.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push_str(RESET);
        out.push('\n');
    }
    Some(out)
}

/// The code of a text as an SVG picture, black on white whatever surrounds it.
pub fn svg(text: &str) -> Option<String> {
    let code = code(text)?;
    let side = code.size() + 2 * MARGIN;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let from = x;
            while x < code.size() && code.get_module(x, y) {
                x += 1;
            }
            if x > from {
                let length = x - from;
                path.push_str(&format!(
                    "M{} {}h{length}v1h-{length}z",
                    from + MARGIN,
                    y + MARGIN
                ));
            }
            x += 1;
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LINK: &str = "https://social.example.org/invite/0123456789abcdef0123456789abcd";

    /// What a camera reads in a picture of dark and light squares.
    fn read(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
        let scale = 4;
        let shade = |x: usize, y: usize| if is_dark(x / scale, y / scale) { 0 } else { 255 };
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side * scale, side * scale, shade);
        let grids = picture.detect_grids();
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_the_terminal() {
        let drawn = for_terminal(LINK).unwrap();
        let rows: Vec<Vec<char>> = drawn
            .lines()
            .map(|line| {
                let line = line.strip_prefix("\x1b[30;107m").unwrap();
                line.strip_suffix("\x1b[0m").unwrap().chars().collect()
            })
            .collect();
        let is_dark = |x: usize, y: usize| {
            let upper = ['█', '▀'];
            let lower = ['█', '▄'];
            let half = if y.is_multiple_of(2) { upper } else { lower };
            rows.get(y / 2).is_some_and(|row| half.contains(&row[x]))
        };
        assert_eq!(read(rows[0].len(), is_dark), LINK);
    }

    #[test]
    fn a_camera_reads_the_picture() {
        let drawn = svg(LINK).unwrap();
        let side: usize = drawn
            .split_once("viewBox=\"0 0 ")
            .unwrap()
            .1
            .split_once(' ')
            .unwrap()
            .0
            .parse()
            .unwrap();
        let mut dark = vec![false; side * side];
        let path = drawn.rsplit_once("d=\"").unwrap().1;
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (length, _) = rest.split_once('v').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            for step in 0..length.parse().unwrap() {
                dark[y * side + x + step] = true;
            }
        }
        assert_eq!(read(side, |x, y| dark[y * side + x]), LINK);
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert!(svg(&"x".repeat(4_000)).is_none());
    }
}
