//! The first bytes of image files: which format it is, and how large the picture. Nothing behind the header is read.
//!
//! [PNG](https://www.w3.org/TR/png/) §5.2 and §11.2.1, JPEG (ITU-T T.81) §B.1, GIF89a §17 and §18,
//! [WebP](https://www.rfc-editor.org/rfc/rfc9649) §2, AVIF (ISO 14496-12 §4.3).

/// The formats that browsers show and that hold no script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
    /// AVIF.
    Avif,
}

impl Format {
    /// The content type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Gif => "image/gif",
            Format::WebP => "image/webp",
            Format::Avif => "image/avif",
        }
    }
}

/// What the header of an image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format.
    pub format: Format,
    /// Width and height in pixels, where the header has them.
    pub size: Option<(u32, u32)>,
}

/// How many segments of a JPEG are passed over until its frame's header.
const SEGMENTS_MAX: usize = 64;

impl Header {
    /// Of a file; `None` when it is none of these.
    #[must_use]
    pub fn of(file: &[u8]) -> Option<Header> {
        let (format, size) = if file.starts_with(b"\x89PNG\r\n\x1a\n") {
            // The first chunk is the header's, always.
            (file.get(12..16)? == b"IHDR").then_some(())?;
            (Format::Png, Some((u32_be(file, 16)?, u32_be(file, 20)?)))
        } else if file.starts_with(b"\xff\xd8\xff") {
            (Format::Jpeg, jpeg(file))
        } else if file.starts_with(b"GIF87a") || file.starts_with(b"GIF89a") {
            (Format::Gif, Some((u16_le(file, 6)?, u16_le(file, 8)?)))
        } else if file.starts_with(b"RIFF") && file.get(8..12)? == b"WEBP" {
            (Format::WebP, webp(file))
        } else if file.get(4..8)? == b"ftyp" && [&b"avif"[..], b"avis"].contains(&file.get(8..12)?) {
            (Format::Avif, None)
        } else {
            return None;
        };
        let is_flat = |(width, height): (u32, u32)| width == 0 || height == 0;
        (!size.is_some_and(is_flat)).then_some(Header { format, size })
    }
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_be(file: &[u8], at: usize) -> Option<u32> {
    bytes(file, at).map(u32::from_be_bytes)
}

fn u16_be(file: &[u8], at: usize) -> Option<u16> {
    bytes(file, at).map(u16::from_be_bytes)
}

fn u16_le(file: &[u8], at: usize) -> Option<u32> {
    bytes(file, at).map(u16::from_le_bytes).map(u32::from)
}

/// From the first frame's header (SOF), which stands behind some segments.
fn jpeg(file: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    for _ in 0..SEGMENTS_MAX {
        let [0xff, kind] = bytes(file, at)? else {
            return None;
        };
        match kind {
            // Filling.
            0xff => at += 1,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((u16_be(file, at + 7)?.into(), u16_be(file, at + 5)?.into()));
            }
            _ => at += 2 + usize::from(u16_be(file, at + 2)?),
        }
    }
    None
}

/// From the first chunk.
fn webp(file: &[u8]) -> Option<(u32, u32)> {
    match file.get(12..16)? {
        b"VP8X" => {
            let [a, b, c, d, e, f] = bytes(file, 24)?;
            let number = |low, middle, high| u32::from_le_bytes([low, middle, high, 0]) + 1;
            Some((number(a, b, c), number(d, e, f)))
        }
        b"VP8L" => {
            let packed = bytes(file, 21).map(u32::from_le_bytes)?;
            Some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => Some((u16_le(file, 26)? & 0x3fff, u16_le(file, 28)? & 0x3fff)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &[u8]) -> Option<(&'static str, Option<(u32, u32)>)> {
        Header::of(file).map(|header| (header.format.media_type(), header.size))
    }

    #[test]
    fn formats_and_sizes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\0\x40rest";
        assert_eq!(found(png), Some(("image/png", Some((256, 64)))));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x11\x08\0\x20\0\x30more";
        assert_eq!(found(jpeg), Some(("image/jpeg", Some((48, 32)))));
        assert_eq!(found(b"GIF89a\x0a\0\x0b\0x"), Some(("image/gif", Some((10, 11)))));
        let lossy = b"RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x40\0\x20\0";
        assert_eq!(found(lossy), Some(("image/webp", Some((64, 32)))));
        let lossless = b"RIFF....WEBPVP8L....\x2f\x3f\xc0\x07\0";
        assert_eq!(found(lossless), Some(("image/webp", Some((64, 32)))));
        let extended = b"RIFF....WEBPVP8X....\0\0\0\0\x3f\0\0\x1f\0\0";
        assert_eq!(found(extended), Some(("image/webp", Some((64, 32)))));
        assert_eq!(found(b"\0\0\0\x20ftypavif...."), Some(("image/avif", None)));
    }

    #[test]
    fn what_breaks_off_is_nothing_or_has_no_size() {
        for short in [
            &b"\x89PNG\r\n\x1a\n"[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT\0\0\x01\0\0\0\0\x40",
            b"GIF89a\x0a\0",
            b"GIF89a\0\0\0\0",
            b"RIFF....WAVE",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"",
        ] {
            assert_eq!(found(short), None, "{short:?}");
        }
        assert_eq!(found(b"\xff\xd8\xff\xe0\xff"), Some(("image/jpeg", None)));
        assert_eq!(found(b"\xff\xd8\xff\xe0\xff\xff"), Some(("image/jpeg", None)));
        // However long the row of segments, the walk ends.
        let endless: Vec<u8> = [0xff, 0xd8]
            .into_iter()
            .chain([0xff, 0xe0, 0, 2].repeat(10_000))
            .collect();
        assert_eq!(found(&endless), Some(("image/jpeg", None)));
    }
}
