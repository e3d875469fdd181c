//! Avatars: the image that somebody shows of themselves, and what is told of it:
//! [XEP-0084](https://xmpp.org/extensions/xep-0084.html) §4.
//!
//! Of an image only the header is looked at. It is never decoded here.

mod header;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};
use wire::{Element, Writer};

pub use header::{Format, Header};

/// The namespace and the node of images.
pub const DATA: &str = "urn:xmpp:avatar:data";
/// The namespace and the node of what is told of images.
pub const METADATA: &str = "urn:xmpp:avatar:metadata";

/// RFC 4648 §4; whether the padding is there is all one.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why something is no avatar, in words for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum NotAnAvatar {
    /// Not what RFC 4648 §4 calls base64.
    Base64,
    /// No image of a format that is known.
    Format,
    /// An element where there should be none, or another one.
    Shape,
    /// `bytes`, `id` or `type` is missing, or cannot be.
    Info,
}

impl NotAnAvatar {
    /// The words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NotAnAvatar::Base64 => "the image is not in base64",
            NotAnAvatar::Format => "not a PNG, JPEG, GIF, WebP or AVIF image",
            NotAnAvatar::Shape => "not the element of an avatar",
            NotAnAvatar::Info => {
                "an info needs bytes, the SHA-1 of the image as id, and the type of an image"
            }
        }
    }
}

/// An image, as far as its header says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub bytes: Vec<u8>,
    /// The SHA-1 of the file in hexadecimal digits: the item's id.
    pub id: String,
    /// What the header says.
    pub header: Header,
}

impl Image {
    /// From base64; line feeds and other white space are left out (§4.1).
    ///
    /// # Errors
    /// When it is no base64, or no image.
    pub fn from_base64(text: &str) -> Result<Image, NotAnAvatar> {
        let dense: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = BASE64.decode(dense).map_err(|_| NotAnAvatar::Base64)?;
        let header = Header::of(&bytes).ok_or(NotAnAvatar::Format)?;
        Ok(Image {
            id: hash(&bytes),
            bytes,
            header,
        })
    }

    /// From `<data/>`.
    ///
    /// # Errors
    /// When it is another element, no base64, or no image.
    pub fn from_data(data: Element<'_>) -> Result<Image, NotAnAvatar> {
        if !data.is("data", DATA) || data.children().next().is_some() {
            return Err(NotAnAvatar::Shape);
        }
        Image::from_base64(&data.text())
    }

    /// The image in base64, on one line.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.bytes)
    }

    /// `<data/>`
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.open("data").ns(DATA).text(&self.to_base64()).close();
        writer.finish()
    }

    /// What is told of it.
    #[must_use]
    pub fn info(&self) -> Info {
        Info {
            bytes: self.bytes.len() as u64,
            id: self.id.clone(),
            type_: self.header.format.media_type().to_owned(),
            url: None,
            size: self.header.size,
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha1::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What is told of one form of an avatar (§4.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// How long the file is.
    pub bytes: u64,
    /// The SHA-1 of the file.
    pub id: String,
    /// The content type.
    pub type_: String,
    /// Where the file is, if it is not in the node of images.
    pub url: Option<String>,
    /// Width and height in pixels, if both are known.
    pub size: Option<(u32, u32)>,
}

impl Info {
    fn parse(info: Element<'_>) -> Result<Info, NotAnAvatar> {
        let attr = |name| info.attr(name).map(std::borrow::Cow::into_owned);
        let number = |name: &str| info.attr(name).and_then(|value| value.parse().ok());
        let is_hash = |id: &String| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_shown = |kind: &String| kind.starts_with("image/") || kind.starts_with("video/");
        Ok(Info {
            bytes: info
                .attr("bytes")
                .and_then(|value| value.parse().ok())
                .ok_or(NotAnAvatar::Info)?,
            id: attr("id").filter(is_hash).ok_or(NotAnAvatar::Info)?,
            type_: attr("type").filter(is_shown).ok_or(NotAnAvatar::Info)?,
            url: attr("url").filter(|url| !url.is_empty()),
            size: number("width").zip(number("height")),
        })
    }
}

/// What is told of an avatar in all its forms; nothing where none is shown (§4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Its forms.
    pub infos: Vec<Info>,
}

impl Metadata {
    /// Reads `<metadata/>`.
    ///
    /// # Errors
    /// When it is another element, an `<info/>` lacks what it needs, or a `<pointer/>` stands before any (§4.2.2).
    pub fn parse(metadata: Element<'_>) -> Result<Metadata, NotAnAvatar> {
        if !metadata.is("metadata", METADATA) {
            return Err(NotAnAvatar::Shape);
        }
        let mut infos = Vec::new();
        for child in metadata.children() {
            if child.is("info", METADATA) {
                infos.push(Info::parse(child)?);
            } else if child.is("pointer", METADATA) && infos.is_empty() {
                return Err(NotAnAvatar::Shape);
            }
        }
        Ok(Metadata { infos })
    }

    /// The form that is in the node of images: the one without an address (XEP-0398 §3.1).
    #[must_use]
    pub fn in_node(&self) -> Option<&Info> {
        self.infos.iter().find(|info| info.url.is_none())
    }

    /// `<metadata/>`
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.open("metadata").ns(METADATA);
        for info in &self.infos {
            writer
                .open("info")
                .attr("bytes", &info.bytes.to_string())
                .attr("id", &info.id)
                .attr("type", &info.type_)
                .attr_opt("url", info.url.as_deref());
            if let Some((width, height)) = info.size {
                writer
                    .attr("width", &width.to_string())
                    .attr("height", &height.to_string());
            }
            writer.close();
        }
        writer.close();
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Document;

    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn metadata(inner: &str) -> Result<Metadata, NotAnAvatar> {
        let xml = format!("<metadata xmlns='{METADATA}'>{inner}</metadata>");
        Metadata::parse(Document::parse(xml.into_bytes()).unwrap().root())
    }

    #[test]
    fn an_image_comes_from_base64_in_lines_too() {
        let image = Image::from_base64(PNG).unwrap();
        let (first, rest) = PNG.split_at(30);
        assert_eq!(
            Image::from_base64(&format!("\n {first}\r\n{rest} ")),
            Ok(image.clone())
        );
        assert_eq!(image.to_base64(), PNG);
        assert_eq!(image.info().size, Some((1, 1)));
        let data = Document::parse(image.to_data()).unwrap();
        assert_eq!(Image::from_data(data.root()), Ok(image));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for nonsense in ["!", "iVBO*", "a", "iVB=Rw0KGgo"] {
            assert_eq!(
                Image::from_base64(nonsense),
                Err(NotAnAvatar::Base64),
                "{nonsense}"
            );
        }
        // A page, a signature without a header, nothing.
        for other in ["PGh0bWw+PC9odG1sPg==", "iVBORw0KGgo=", ""] {
            assert_eq!(Image::from_base64(other), Err(NotAnAvatar::Format), "{other}");
        }
    }

    #[test]
    fn metadata_is_read_and_written() {
        let id = "111f4b3c50d7b0df729d299bc6f8e9ef9066971f";
        let url = format!("<info bytes='3' id='{id}' type='image/gif' url='https://example.org/a.gif'/>");
        let here = format!("<info bytes='12' id='{id}' type='image/png' width='64' height='32'/>");
        let read = metadata(&format!("{url}{here}<pointer><x xmlns='urn:x'/></pointer>")).unwrap();
        assert_eq!(read.infos.len(), 2);
        assert_eq!(read.in_node().unwrap().size, Some((64, 32)));
        let again = Document::parse(read.to_xml()).unwrap();
        assert_eq!(Metadata::parse(again.root()), Ok(read));
        assert_eq!(metadata(""), Ok(Metadata::default()));
        assert_eq!(metadata("<stop/>"), Ok(Metadata::default()));
    }

    #[test]
    fn metadata_that_lacks_something_is_refused() {
        let id = "111f4b3c50d7b0df729d299bc6f8e9ef9066971f";
        for info in [
            format!("<info id='{id}' type='image/png'/>"),
            format!("<info bytes='-1' id='{id}' type='image/png'/>"),
            "<info bytes='1' type='image/png'/>".to_owned(),
            "<info bytes='1' id='current' type='image/png'/>".to_owned(),
            format!("<info bytes='1' id='{id}'/>"),
            format!("<info bytes='1' id='{id}' type='text/html'/>"),
        ] {
            assert_eq!(metadata(&info), Err(NotAnAvatar::Info), "{info}");
        }
        assert_eq!(metadata("<pointer/>"), Err(NotAnAvatar::Shape));
    }
}
