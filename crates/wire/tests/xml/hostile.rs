//! What an attacker sends, and what it comes to.

use wire::{Document, Limits, ScanError, Scanned, Scanner, Stanza, StreamCondition, read_framed, scan_one};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// What comes of these bytes in an open stream.
fn refused(data: impl AsRef<[u8]>) -> ScanError {
    let mut scanner = Scanner::tcp(Limits::CLIENT);
    scanner.scan(HEADER.as_bytes()).unwrap();
    let error = scanner
        .scan(data.as_ref())
        .expect_err(&String::from_utf8_lossy(data.as_ref()));
    assert_eq!(scanner.scan(b"<presence/>"), Err(error), "the stream is over");
    error
}

fn header_refused(data: &[u8]) -> ScanError {
    Scanner::tcp(Limits::CLIENT)
        .scan(data)
        .expect_err(&String::from_utf8_lossy(data))
}

fn taken(data: &str) {
    let mut scanner = Scanner::tcp(Limits::CLIENT);
    scanner.scan(HEADER.as_bytes()).unwrap();
    assert!(
        matches!(scanner.scan(data.as_bytes()), Ok(Scanned::Stanza { .. })),
        "{data}"
    );
}

fn nested(depth: usize) -> String {
    format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth))
}

fn with_attributes(count: usize) -> String {
    let attributes: String = (0..count).map(|number| format!(" a{number}=''")).collect();
    format!("<a{attributes}/>")
}

fn with_namespaces(count: usize) -> String {
    let half: String = (0..count / 2)
        .map(|number| format!(" xmlns:p{number}='urn:1'"))
        .collect();
    format!("<a{half}><b{half}/></a>")
}

#[test]
fn deep_nesting() {
    taken(&nested(64));
    assert_eq!(refused(nested(65)), ScanError::TooDeep);
    assert_eq!(refused("<a>".repeat(80_000)), ScanError::TooDeep);
    assert_eq!(ScanError::TooDeep.condition(), StreamCondition::PolicyViolation);
    // Where depth is not bounded, the stack is not used.
    let deep = nested(60_000);
    let document = Document::parse(deep.as_bytes()).unwrap();
    assert_eq!(document.root().children().count(), 1);
    assert_eq!(document.root().raw().len(), deep.len());
}

#[test]
fn many_attributes() {
    taken(&with_attributes(64));
    assert_eq!(refused(with_attributes(65)), ScanError::TooManyAttributes);
    assert_eq!(
        refused(format!("<a{}", " a=''".repeat(50_000))),
        ScanError::TooManyAttributes
    );
    taken(&with_namespaces(64));
    assert_eq!(refused(with_namespaces(66)), ScanError::TooManyNamespaces);
    // Declarations out of scope do not count.
    taken(&format!("<a>{}</a>", "<b xmlns:p='urn:1'/>".repeat(100)));
}

#[test]
fn huge_names() {
    let name = "n".repeat(255);
    taken(&format!("<{name}/>"));
    taken(&format!("<a {name}=''/>"));
    assert_eq!(refused(format!("<{name}n/>")), ScanError::NameTooLong);
    assert_eq!(refused(format!("<{name}nnnn")), ScanError::NameTooLong);
    assert_eq!(refused(format!("<a {name}n=''/>")), ScanError::NameTooLong);
    assert_eq!(
        refused(format!("<{0}:{0}/>", "p".repeat(128))),
        ScanError::NameTooLong
    );
    assert_eq!(refused(format!("<{}/>", "ü".repeat(128))), ScanError::NameTooLong);
    assert_eq!(refused(format!("<a></{name}")), ScanError::MismatchedTag);
}

#[test]
fn large_stanzas() {
    let message = |len: usize| format!("<m>{}</m>", "x".repeat(len - 7));
    taken(&message(Limits::CLIENT.max_bytes));
    assert_eq!(refused(message(Limits::CLIENT.max_bytes + 1)), ScanError::TooLong);
    assert_eq!(
        refused("<a b='".to_owned() + &"x".repeat(300_000)),
        ScanError::TooLong
    );
    assert_eq!(
        refused("<a>".to_owned() + &" ".repeat(300_000)),
        ScanError::TooLong
    );
    assert_eq!(
        refused("</stream:stream".to_owned() + &" ".repeat(300_000)),
        ScanError::TooLong
    );
    assert_eq!(
        header_refused(format!("<stream:stream a='{}", "x".repeat(300_000)).as_bytes()),
        ScanError::TooLong
    );
    assert_eq!(
        header_refused(format!("<?xml version='1.0'?>{}", " ".repeat(300_000)).as_bytes()),
        ScanError::TooLong
    );
    let limits = Limits::UNAUTHENTICATED;
    assert_eq!(
        scan_one(message(limits.max_bytes + 1).as_bytes(), &limits),
        Err(ScanError::TooLong)
    );
    assert!(scan_one(message(limits.max_bytes).as_bytes(), &limits).is_ok());
    assert_eq!(
        read_framed(message(limits.max_bytes + 1).as_bytes(), &limits),
        Err(ScanError::TooLong)
    );
    // White space that keeps a connection alive has no limit.
    let mut scanner = Scanner::tcp(limits);
    scanner.scan(HEADER.as_bytes()).unwrap();
    assert_eq!(
        scanner.scan(" ".repeat(300_000).as_bytes()),
        Ok(Scanned::Space { len: 300_000 })
    );
}

/// Each of these would take minutes if a byte were looked at again whenever another arrives.
#[test]
fn one_byte_at_a_time() {
    let long = "x".repeat(200_000);
    let spaces = " ".repeat(200_000);
    let mut all = HEADER.as_bytes().to_vec();
    for stanza in [
        format!("<a>{long}</a>"),
        format!("<a b='{long}'/>"),
        format!("<a><![CDATA[{long}]]></a>"),
        format!("<a><![CDATA[{}]]></a>", "]".repeat(200_000)),
        format!("<a{spaces}b{spaces}/>").replacen("b ", "b = ''", 1),
        format!("<a></a{spaces}>"),
        format!("<a>{}</a>", "&amp;".repeat(40_000)),
        format!("<a>{}</a>", "é".repeat(100_000)),
        format!("</stream:stream{spaces}>"),
    ] {
        let start = all.len();
        all.truncate(HEADER.len());
        all.extend_from_slice(stanza.as_bytes());
        let mut scanner = Scanner::tcp(Limits {
            max_bytes: 1 << 20,
            ..Limits::CLIENT
        });
        scanner.scan(HEADER.as_bytes()).unwrap();
        let data = &all[HEADER.len()..];
        for end in 0..data.len() {
            assert_eq!(scanner.scan(&data[..end]), Ok(Scanned::More), "{start}");
        }
        assert_ne!(scanner.scan(data), Ok(Scanned::More));
    }
}

#[test]
fn entity_tricks() {
    let bomb = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol1 '&lol;&lol;'>]>";
    assert_eq!(refused(format!("{bomb}<a>&lol1;</a>")), ScanError::Doctype);
    assert_eq!(
        header_refused(format!("{bomb}{HEADER}").as_bytes()),
        ScanError::Doctype
    );
    assert_eq!(
        header_refused(format!("<?xml version='1.0'?>{bomb}{HEADER}").as_bytes()),
        ScanError::Doctype
    );
    assert_eq!(refused("<a>&lol;</a>"), ScanError::UndefinedEntity);
    assert_eq!(refused("<a b='&xxe;'/>"), ScanError::UndefinedEntity);
    assert_eq!(refused("<a>&am;</a>"), ScanError::UndefinedEntity);
    assert_eq!(refused("<a>&ampx;</a>"), ScanError::UndefinedEntity);
    assert_eq!(refused("<a>& amp;</a>"), ScanError::Reference);
    assert_eq!(refused("<a>&#-1;</a>"), ScanError::Reference);
    assert_eq!(refused("<a>&#000000065;</a>"), ScanError::ReferenceTooLong);
    assert_eq!(refused("<a>&#xFFFFFFFF;</a>"), ScanError::Character);
    assert_eq!(refused("<a>&#99999999;</a>"), ScanError::Character);
    // A reference never makes markup.
    taken("<a>&#60;b&#62;</a>");
    let stanza = Stanza::parse(&b"<a>&#60;b/&#62;&amp;lt;</a>"[..]).unwrap();
    assert_eq!(stanza.document().root().text(), "<b/>&lt;");
    assert_eq!(ScanError::Doctype.condition(), StreamCondition::RestrictedXml);
    assert_eq!(
        ScanError::UndefinedEntity.condition(),
        StreamCondition::RestrictedXml
    );
}

#[test]
fn what_rfc_6120_forbids() {
    assert_eq!(refused("<!-- c --><a/>"), ScanError::Comment);
    assert_eq!(refused("<a><!-- c --></a>"), ScanError::Comment);
    assert_eq!(refused("<?php ?>"), ScanError::ProcessingInstruction);
    assert_eq!(refused("<a><?php ?></a>"), ScanError::ProcessingInstruction);
    assert_eq!(refused("<?xml version='1.0'?>"), ScanError::ProcessingInstruction);
    assert_eq!(refused("<![CDATA[x]]>"), ScanError::Syntax);
    assert_eq!(refused("text"), ScanError::StrayText);
    assert_eq!(refused("&lt;"), ScanError::StrayText);
    assert_eq!(refused("</stream:strea>"), ScanError::MismatchedTag);
    assert_eq!(refused("</stream>"), ScanError::MismatchedTag);
    assert_eq!(ScanError::StrayText.condition(), StreamCondition::BadFormat);
    assert_eq!(
        ScanError::MismatchedTag.condition(),
        StreamCondition::NotWellFormed
    );
}

#[test]
fn bad_characters() {
    for bytes in [
        &b"\xC0\xAF"[..],
        b"\xC1\xBF",
        b"\xE0\x80\xAF",
        b"\xE0\x9F\xBF",
        b"\xF0\x80\x80\xAF",
        b"\xF0\x8F\xBF\xBF",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xED\xA0\xBD\xED\xB8\x80",
        b"\xF4\x90\x80\x80",
        b"\xF5\x80\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\x80",
        b"\xBF",
        b"\xFE",
        b"\xFF",
        b"\xE4\xB8 ",
    ] {
        for (before, after) in [("<a>", "</a>"), ("<a b='", "'/>"), ("<a><![CDATA[", "]]></a>")] {
            let data = [before.as_bytes(), bytes, after.as_bytes()].concat();
            assert_eq!(refused(data), ScanError::Utf8, "{bytes:x?}");
        }
    }
    for bytes in [
        &b"\0"[..],
        b"\x01",
        b"\x08",
        b"\x0B",
        b"\x0C",
        b"\x1F",
        b"\xEF\xBF\xBE",
        b"\xEF\xBF\xBF",
    ] {
        for (before, after) in [("<a>", "</a>"), ("<a b='", "'/>"), ("<a><![CDATA[", "]]></a>")] {
            let data = [before.as_bytes(), bytes, after.as_bytes()].concat();
            assert_eq!(refused(data), ScanError::Character, "{bytes:x?}");
        }
    }
    for reference in [
        "&#0;",
        "&#x1F;",
        "&#xD800;",
        "&#xDFFF;",
        "&#xFFFE;",
        "&#xFFFF;",
        "&#x110000;",
    ] {
        assert_eq!(
            refused(format!("<a>{reference}</a>")),
            ScanError::Character,
            "{reference}"
        );
    }
    taken("<a>\u{D7FF}\u{E000}\u{FFFD}\u{10000}\u{10FFFF}&#x10FFFF;\u{7F}\u{80}</a>");
    // Told as soon as the second byte is there.
    assert_eq!(refused(b"<a>\xED\xA0"), ScanError::Utf8);
    assert_eq!(refused(b"<a>\xE0\x80"), ScanError::Utf8);
}

#[test]
fn names_that_some_parsers_do_not_take() {
    taken("<été><имя/><名/></été>");
    for name in [
        "\u{10000}",
        "\u{2070}",
        "a\u{B7}",
        "a\u{301}",
        "\u{D7}",
        "\u{FEFF}a",
    ] {
        assert_eq!(refused(format!("<{name}/>")), ScanError::NameCharacter, "{name}");
    }
    assert_eq!(refused("<-a/>"), ScanError::Name);
    assert_eq!(refused("<a:b:c/>"), ScanError::Name);
}

#[test]
fn namespaces_misused() {
    assert_eq!(refused("<p:a/>"), ScanError::UnboundPrefix);
    assert_eq!(
        refused("<a><b xmlns:p='urn:1'/><p:c/></a>"),
        ScanError::UnboundPrefix
    );
    assert_eq!(refused("<a p:b=''/>"), ScanError::UnboundPrefix);
    assert_eq!(
        ScanError::UnboundPrefix.condition(),
        StreamCondition::BadNamespacePrefix
    );
    for attribute in [
        "xmlns:xml='urn:1'",
        "xmlns:xmlns='http://www.w3.org/2000/xmlns/'",
        "xmlns:p='http://www.w3.org/2000/xmlns/'",
        "xmlns:p='http://www.w3.org/XML/1998/namespace'",
        "xmlns='http://www.w3.org/XML/1998/namespace'",
        "xmlns:p=''",
    ] {
        assert_eq!(
            refused(format!("<a {attribute}/>")),
            ScanError::ReservedPrefix,
            "{attribute}"
        );
    }
    assert_eq!(refused("<xmlns:a/>"), ScanError::ReservedPrefix);
    assert_eq!(refused("<a b='' b=''/>"), ScanError::DuplicateAttribute);
    assert_eq!(refused("<a xmlns='' xmlns=''/>"), ScanError::DuplicateAttribute);
    assert_eq!(
        refused("<a xmlns:p='urn:1' xmlns:q='urn:1' p:b='' q:b=''/>"),
        ScanError::DuplicateAttribute
    );
    // The prefix of the stream header and one of its own.
    assert_eq!(
        refused("<a xmlns:p='http://etherx.jabber.org/streams' p:b='' stream:b=''/>"),
        ScanError::DuplicateAttribute
    );
    // A namespace in disguise could pass a rule that compares names.
    assert_eq!(
        refused("<a xmlns='jabber&#58;client'/>"),
        ScanError::NamespaceName
    );
    assert_eq!(refused("<a xmlns:p='urn:a&quot;'/>"), ScanError::NamespaceName);
    assert_eq!(refused("<a xmlns='urn:a\n'/>"), ScanError::NamespaceName);
    taken("<a xmlns='http://example.org/?a=1&amp;b=2'/>");
}

#[test]
fn headers() {
    assert_eq!(header_refused(b"<message/>"), ScanError::StreamNamespace);
    assert_eq!(
        header_refused(b"<stream:stream xmlns:stream='urn:1'>"),
        ScanError::StreamNamespace
    );
    assert_eq!(header_refused(b"<stream:stream>"), ScanError::UnboundPrefix);
    assert_eq!(
        header_refused(b"<s:x xmlns:s='http://etherx.jabber.org/streams'>"),
        ScanError::NotAStream
    );
    assert_eq!(
        header_refused(b"<s:stream xmlns:s='http://etherx.jabber.org/streams'/>"),
        ScanError::NotAStream
    );
    assert_eq!(header_refused(b"GET / HTTP/1.1\r\n"), ScanError::StrayText);
    assert_eq!(header_refused(b"\x16\x03\x01\x02"), ScanError::StrayText);
    assert_eq!(header_refused(b"\xEF\xBB\xBF<"), ScanError::StrayText);
    assert_eq!(header_refused(b"\xFF\xFE<\0"), ScanError::Encoding);
    assert_eq!(header_refused(b"<\0?\0"), ScanError::Encoding);
    assert_eq!(header_refused(b"\0<\0?"), ScanError::Encoding);
    assert_eq!(
        header_refused(b"<?xml version='1.0' encoding='ISO-8859-1'?>"),
        ScanError::Encoding
    );
    assert_eq!(header_refused(b"<?xml version='1.1'?>"), ScanError::Syntax);
    assert_eq!(header_refused(b"<?xml encoding='UTF-8'?>"), ScanError::Syntax);
    assert_eq!(
        header_refused(b"<?xml version='1.0' version='1.0'?>"),
        ScanError::Syntax
    );
    assert_eq!(
        header_refused(b"<?xml version='1.0'encoding='UTF-8'?>"),
        ScanError::Syntax
    );
    assert_eq!(
        header_refused(b"<?xml-stylesheet href=''?>"),
        ScanError::ProcessingInstruction
    );
    assert_eq!(
        header_refused(b"<?xml version='1.0'?><?xml version='1.0'?>"),
        ScanError::ProcessingInstruction
    );
    assert_eq!(
        header_refused(&[b"<?xml version='1.0'".as_slice(), &[b' '; 200]].concat()),
        ScanError::Syntax
    );
    assert_eq!(
        ScanError::Encoding.condition(),
        StreamCondition::UnsupportedEncoding
    );
    assert_eq!(
        ScanError::StreamNamespace.condition(),
        StreamCondition::InvalidNamespace
    );
    for declaration in [
        "<?xml version='1.0'?>",
        "<?xml version = \"1.0\" encoding='utf-8' standalone='yes' ?>\n",
        "\n<?xml version='1.0'?>",
    ] {
        let data = format!("{declaration}{HEADER}");
        let mut scanner = Scanner::tcp(Limits::UNAUTHENTICATED);
        let start = data.len() - data.trim_start().len();
        if start > 0 {
            assert_eq!(scanner.scan(data.as_bytes()), Ok(Scanned::Space { len: start }));
        }
        let rest = &data.as_bytes()[start..];
        assert!(
            matches!(scanner.scan(rest), Ok(Scanned::Header { len, .. }) if len == rest.len()),
            "{data}"
        );
    }
    // Nothing of the first stream is left in the second.
    let mut scanner = Scanner::tcp(Limits::CLIENT);
    scanner
        .scan(HEADER.replace(">", " xml:lang='de' xmlns:p='urn:1'>").as_bytes())
        .unwrap();
    assert_eq!(scanner.context().lang(), Some("de"));
    scanner.restart();
    assert_eq!(scanner.context().lang(), None);
    scanner.scan(HEADER.as_bytes()).unwrap();
    assert_eq!(scanner.scan(b"<p:a/>"), Err(ScanError::UnboundPrefix));
}

#[test]
fn websocket_messages() {
    let limits = Limits::CLIENT;
    for (message, error) in [
        (&b""[..], ScanError::Incomplete),
        (b" <message/>", ScanError::StrayText),
        (b"<message", ScanError::Incomplete),
        (b"<message/><message/>", ScanError::Trailing),
        (b"<message/>x", ScanError::Trailing),
        (
            b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
            ScanError::Incomplete,
        ),
        (
            b"<?xml version='1.0'?><message/>",
            ScanError::ProcessingInstruction,
        ),
        (
            b"<odd xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
            ScanError::NotAStream,
        ),
    ] {
        assert_eq!(
            read_framed(message, &limits),
            Err(error),
            "{}",
            String::from_utf8_lossy(message)
        );
    }
}
