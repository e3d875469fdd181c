//! Why the scanner refuses what it reads.
//!
//! Specification: [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §4.9.3 and §11. The stream error that follows
//! is named by [`ScanError::condition`]; its words on the wire are not here.

use crate::error::StreamCondition;

/// What is wrong with the bytes. After an error the stream is over: nothing after it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ScanError {
    /// The element is longer than [`super::Limits::max_bytes`].
    #[error("element too long")]
    TooLong,
    /// Elements are nested deeper than [`super::Limits::max_depth`].
    #[error("elements nested too deeply")]
    TooDeep,
    /// One element has more attributes than [`super::Limits::max_attributes`].
    #[error("too many attributes")]
    TooManyAttributes,
    /// More namespace declarations are in scope than [`super::Limits::max_namespaces`].
    #[error("too many namespace declarations")]
    TooManyNamespaces,
    /// A name is longer than 255 bytes.
    #[error("name too long")]
    NameTooLong,
    /// A name holds a character beyond ASCII that some parsers do not allow there.
    #[error("character not allowed in names")]
    NameCharacter,
    /// A character reference has more than 8 digits.
    #[error("character reference too long")]
    ReferenceTooLong,
    /// A namespace name is no URI reference, or is written with a character reference (other than `&amp;`): not every
    /// parser would take it, or the same name could be written in two ways.
    #[error("namespace name not a plain URI")]
    NamespaceName,
    /// A comment (RFC 6120 §11.1).
    #[error("comment")]
    Comment,
    /// A processing instruction, or an XML declaration that does not open the stream (§11.1, §11.4).
    #[error("processing instruction")]
    ProcessingInstruction,
    /// A document type declaration (§11.1).
    #[error("document type declaration")]
    Doctype,
    /// A reference to an entity that XML does not define (§11.1).
    #[error("undefined entity")]
    UndefinedEntity,
    /// The encoding is not UTF-8 (§11.6).
    #[error("encoding other than UTF-8")]
    Encoding,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A character that XML does not allow, as itself or by reference (XML 1.0 §2.2).
    #[error("character not allowed in XML")]
    Character,
    /// `&` does not begin a reference (XML 1.0 §4.1).
    #[error("malformed reference")]
    Reference,
    /// A name breaks the rules of XML 1.0 §2.3 or Namespaces in XML 1.0 §7.
    #[error("malformed name")]
    Name,
    /// Markup that XML does not know.
    #[error("malformed markup")]
    Syntax,
    /// `<` in the value of an attribute (XML 1.0 §3.1).
    #[error("less-than sign in an attribute")]
    LessThan,
    /// `]]>` in text (XML 1.0 §2.4).
    #[error("end of a character data section in text")]
    CdataEnd,
    /// The end tag is not that of the open element (XML 1.0 §3, element type match).
    #[error("mismatched end tag")]
    MismatchedTag,
    /// The element has two attributes of one name, as written or after prefixes are resolved (XML 1.0 §3.1,
    /// Namespaces in XML 1.0 §6.3).
    #[error("duplicate attribute")]
    DuplicateAttribute,
    /// A prefix that is not declared (Namespaces in XML 1.0 §5).
    #[error("undeclared prefix")]
    UnboundPrefix,
    /// The prefixes `xml` and `xmlns` or their namespaces are bound otherwise than Namespaces in XML 1.0 §3 allows,
    /// or a prefix is bound to nothing.
    #[error("reserved prefix or namespace misused")]
    ReservedPrefix,
    /// Text between the stanzas of a stream.
    #[error("text outside of any element")]
    StrayText,
    /// The stream does not open with a start tag `stream` (RFC 6120 §4.2), or a WebSocket message does not hold
    /// what was expected.
    #[error("not a stream header")]
    NotAStream,
    /// The stream's root element is in another namespace (§4.8.1).
    #[error("wrong stream namespace")]
    StreamNamespace,
    /// Bytes after the one element, or after the end of the stream.
    #[error("bytes after the end")]
    Trailing,
    /// The bytes end before the element does.
    #[error("incomplete element")]
    Incomplete,
}

impl ScanError {
    /// True if the input is XML that we choose not to take: another parser may accept it.
    pub fn is_policy(self) -> bool {
        matches!(
            self,
            Self::TooLong
                | Self::TooDeep
                | Self::TooManyAttributes
                | Self::TooManyNamespaces
                | Self::NameTooLong
                | Self::NameCharacter
                | Self::ReferenceTooLong
                | Self::NamespaceName
        )
    }

    /// The stream error to send before closing (RFC 6120 §4.9.3).
    pub fn condition(self) -> StreamCondition {
        match self {
            Self::TooLong
            | Self::TooDeep
            | Self::TooManyAttributes
            | Self::TooManyNamespaces
            | Self::NameTooLong
            | Self::NameCharacter
            | Self::ReferenceTooLong => StreamCondition::PolicyViolation,
            Self::NamespaceName
            | Self::Comment
            | Self::ProcessingInstruction
            | Self::Doctype
            | Self::UndefinedEntity => StreamCondition::RestrictedXml,
            Self::Encoding => StreamCondition::UnsupportedEncoding,
            Self::UnboundPrefix => StreamCondition::BadNamespacePrefix,
            Self::StreamNamespace => StreamCondition::InvalidNamespace,
            Self::StrayText | Self::NotAStream => StreamCondition::BadFormat,
            Self::Utf8
            | Self::Character
            | Self::Reference
            | Self::Name
            | Self::Syntax
            | Self::LessThan
            | Self::CdataEnd
            | Self::MismatchedTag
            | Self::DuplicateAttribute
            | Self::ReservedPrefix
            | Self::Trailing
            | Self::Incomplete => StreamCondition::NotWellFormed,
        }
    }
}
