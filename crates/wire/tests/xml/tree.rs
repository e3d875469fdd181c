//! One element as a tree, made from our parser and from `rxml`, to be compared.

use rxml::{Event, Options, Parse, Parser, WithOptions};
use wire::{Element, Limits, ScanError};

/// An element with all that a reader of XML may see: names resolved, references replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub ns: String,
    pub name: String,
    /// Namespace, name, value; sorted.
    pub attributes: Vec<(String, String, String)>,
    /// The text directly inside.
    pub text: String,
    pub children: Vec<Tree>,
}

/// Large enough for whatever a test makes, small enough to be met in none.
pub const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_depth: 1000,
    max_attributes: 500,
    max_namespaces: 1000,
};

pub fn of_element(element: Element<'_>) -> Tree {
    let mut attributes: Vec<_> = element
        .attrs()
        .map(|attribute| {
            (
                namespace(attribute.ns),
                attribute.name.to_owned(),
                attribute.value.into_owned(),
            )
        })
        .collect();
    attributes.sort();
    Tree {
        ns: namespace(element.ns()),
        name: element.name().to_owned(),
        attributes,
        text: element.text().into_owned(),
        children: element.children().map(of_element).collect(),
    }
}

/// Namespaces stand as written, with `&amp;` for `&`.
fn namespace(written: &str) -> String {
    written.replace("&amp;", "&")
}

/// Reads one element with our parser.
///
/// # Errors
/// Why it is refused.
pub fn ours(data: &[u8]) -> Result<Tree, ScanError> {
    let document = wire::Document::parse_within(data, &LIMITS)?;
    Ok(of_element(document.root()))
}

/// Reads one element with `rxml`, in a stream whose content namespace is `jabber:client`.
///
/// # Errors
/// What `rxml` says.
pub fn theirs(data: &[u8]) -> Result<Tree, String> {
    theirs_in("<s xmlns='jabber:client'>", data)
}

/// Reads one element with `rxml`, in a stream that begins with `header` and whose element is named `s`. It stumbles
/// over carriage returns, so line breaks are made one character before, as XML 1.0 §2.11 has it.
///
/// # Errors
/// What `rxml` says.
pub fn theirs_in(header: &str, data: &[u8]) -> Result<Tree, String> {
    let options = Options {
        max_token_length: 1 << 20,
        ..Options::default()
    };
    let mut parser = Parser::with_options(options);
    let mut header = header.as_bytes();
    parser
        .parse(&mut header, false)
        .map_err(|error| format!("{error:?}"))?;

    let end = data
        .iter()
        .rposition(|byte| !b" \t\r\n".contains(byte))
        .map_or(0, |at| at + 1);
    let mut all = Vec::with_capacity(end + 4);
    for (at, byte) in data[..end].iter().enumerate() {
        match byte {
            b'\r' if data.get(at + 1) == Some(&b'\n') => {}
            b'\r' => all.push(b'\n'),
            byte => all.push(*byte),
        }
    }
    all.extend_from_slice(b"</s>");
    let mut rest = &all[..];
    let mut open: Vec<Tree> = Vec::new();
    let mut done = None;
    while let Some(event) = parser
        .parse(&mut rest, true)
        .map_err(|error| format!("{error:?}"))?
    {
        match event {
            Event::StartElement(_, (ns, name), attributes) if done.is_none() => {
                let mut attributes: Vec<_> = attributes
                    .iter()
                    .map(|((ns, name), value)| (ns.to_string(), name.to_string(), value.clone()))
                    .collect();
                attributes.sort();
                open.push(Tree {
                    ns: ns.to_string(),
                    name: name.to_string(),
                    attributes,
                    ..Tree::default()
                });
            }
            Event::Text(_, text) if done.is_none() => {
                open.last_mut().ok_or("text outside")?.text.push_str(&text);
            }
            Event::EndElement(_) if done.is_none() => {
                let tree = open.pop().ok_or("end outside")?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(tree),
                    None if rest == b"</s>" => done = Some(tree),
                    None => return Err("bytes after the element".into()),
                }
            }
            // The end of the stream that was added.
            Event::EndElement(_) => {}
            event => return Err(format!("not in an element: {event:?}")),
        }
    }
    done.ok_or_else(|| "no element".into())
}

/// Compares both parsers: whatever both accept, both see the same in it; we refuse more than `rxml` only by policy,
/// or where it overlooks that a namespace is declared twice in one tag (XML 1.0 §3.1) or that one is reserved
/// (Namespaces in XML 1.0 §3).
///
/// # Errors
/// What differs.
pub fn compare(data: &[u8]) -> Result<(), String> {
    match (ours(data), theirs(data)) {
        (Ok(ours), Ok(theirs)) if ours == theirs => Ok(()),
        (Err(_), Err(_)) => Ok(()),
        (Err(error), Ok(_)) if error.is_policy() => Ok(()),
        (Err(ScanError::DuplicateAttribute), Ok(_))
            if data.windows(5).filter(|at| at == b"xmlns").count() > 1 =>
        {
            Ok(())
        }
        (Err(ScanError::ReservedPrefix), Ok(_)) if data.windows(9).any(|at| at == b"00/xmlns/") => Ok(()),
        (ours, theirs) => Err(format!(
            "{:?}\nours: {ours:?}\nrxml: {theirs:?}",
            String::from_utf8_lossy(data)
        )),
    }
}
