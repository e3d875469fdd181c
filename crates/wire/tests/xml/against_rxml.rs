//! Our parser beside `rxml`: both accept the same elements and see the same in them.

use proptest::prelude::*;

use crate::{generate, tree};

/// Accepted by both.
const GOOD: &[&str] = &[
    "<a/>",
    "<a></a >",
    "<a b='1'\n\tc = \"2\" />",
    "<a xmlns=''/>",
    "<a xmlns='urn:1'><b xmlns=''><c/></b></a>",
    "<p:a xmlns:p='urn:1' p:b='1' b='2'/>",
    "<a xmlns:p='urn:1' xmlns:q='urn:2' p:b='' q:b=''/>",
    "<a xml:lang='de' xml:b='1'/>",
    "<xml:a/>",
    "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x41;&#x10FFFF;</a>",
    "<a b='&lt;&#9;&#10;&#13; \t\r\n\r\n x'/>",
    "<a>\r\n\r\r\n\t</a>",
    "<a><![CDATA[<&]]]]><![CDATA[>]]></a>",
    "<a>]] ]> ></a>",
    "<é:ü xmlns:é='urn:1'/>",
    "<\u{4E2D}/>",
    "<a>\u{7F}\u{85}\u{FFFD}\u{10FFFF}</a>",
    "<a/> \r\n\t",
    "<a b='>'/>",
    "<a xmlns='urn:x?a=1&amp;b=2'/>",
    "<a xmlns:b='urn:1'><b:c xmlns:b='urn:2' b:d=''/><b:c/></a>",
    "<xmlfoo xmlfoo='1'/>",
    "<_ _-.1='1'/>",
];

/// Refused by both.
const BAD: &[&[u8]] = &[
    b"",
    b"a",
    b" <a/>",
    b"<",
    b"<a",
    b"<a>",
    b"<a></b>",
    b"<a></a",
    b"<a></ab>",
    b"<a></a b>",
    b"<a/><b/>",
    b"<a/>x",
    b"<a/>&#32;",
    b"<a/><![CDATA[]]>",
    b"< a/>",
    b"<a / >",
    b"<a/ >",
    b"<1/>",
    b"<-/>",
    b"<a:/>",
    b"<:a/>",
    b"<a:b:c xmlns:a='urn:1'/>",
    b"<a:1 xmlns:a='urn:1'/>",
    b"<a b/>",
    b"<a b=/>",
    b"<a b=1/>",
    b"<a b='1/>",
    b"<a b='1'c='2'/>",
    b"<a b='1' b='2'/>",
    b"<a b='<'/>",
    b"<a b='&'/>",
    b"<a xmlns:p='urn:1' xmlns:q='urn:1' p:b='' q:b=''/>",
    b"<a xmlns='urn:1' xmlns='urn:1'/>",
    b"<p:a/>",
    b"<a p:b=''/>",
    b"<a><b xmlns:p='urn:1'/><p:c/></a>",
    b"<a xmlns:p=''/>",
    b"<a xmlns:xml='urn:1'/>",
    b"<a xmlns:xmlns='urn:1'/>",
    b"<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
    b"<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    b"<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    b"<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
    b"<a xmlns='http://www.w3.org/2000/xmlns/'/>",
    b"<xmlns:a/>",
    b"<a>]]></a>",
    b"<a>&bogus;</a>",
    b"<a>&amp</a>",
    b"<a>& </a>",
    b"<a>&;</a>",
    b"<a>&#;</a>",
    b"<a>&#x;</a>",
    b"<a>&#X41;</a>",
    b"<a>&#0;</a>",
    b"<a>&#11;</a>",
    b"<a>&#xD800;</a>",
    b"<a>&#xFFFE;</a>",
    b"<a>&#x110000;</a>",
    b"<a>&#xFFFFFFFF;</a>",
    b"<a>\x00</a>",
    b"<a>\x0B</a>",
    b"<a b='\x1F'/>",
    b"<a><![CDATA[\x0B]]></a>",
    b"<a>\xFF</a>",
    b"<a>\xC0\x80</a>",
    b"<a>\xE0\x80\x80</a>",
    b"<a>\xED\xA0\x80</a>",
    b"<a>\xEF\xBF\xBE</a>",
    b"<a>\xEF\xBF\xBF</a>",
    b"<a>\xF4\x90\x80\x80</a>",
    b"<a>\xE4\xB8</a>",
    b"<a b='\xC3'/>",
    b"<\xC3/>",
    b"<a><!-- c --></a>",
    b"<a><?pi?></a>",
    b"<a><!DOCTYPE a></a>",
    b"<!DOCTYPE a><a/>",
    b"<?xml version='1.0'?><a/>",
    b"<a><![CDATa[]]></a>",
    b"<![CDATA[]]>",
    b"<a><![CDATA[]]</a>",
    b"</a>",
    b"<a></s>",
    b"<a/></s>",
];

#[test]
fn good() {
    for text in GOOD {
        tree::ours(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        tree::compare(text.as_bytes()).unwrap();
    }
}

#[test]
fn bad() {
    for bytes in BAD {
        let error = tree::ours(bytes).expect_err(&String::from_utf8_lossy(bytes));
        assert!(
            !error.is_policy(),
            "{error} in {}",
            String::from_utf8_lossy(bytes)
        );
        tree::compare(bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(generate::cases(3000))]

    #[test]
    fn generated(bytes in generate::spoilt()) {
        tree::compare(&bytes).map_err(TestCaseError::fail)?;
    }
}
