//! Writes a small corpus for each fuzz target: `cargo run --example seeds`, in this directory.

use std::fs;
use std::path::Path;

/// Elements that between them use every feature of XML that the scanner knows, some with a fault.
const ELEMENTS: &[&str] = &[
    "<message to='romeo@example.net' type='chat' id='1' xml:lang='en'><body>Art thou not Romeo &amp; a Montague?</body></message>",
    "<iq type='set' id='2'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:microblog:0'>\
<item id='a'><entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0'>\
<title type='text'>é &#x1F600; <![CDATA[<b>]]></title><thr:in-reply-to ref='x' thr:count='1'/></entry></item></publish></pubsub></iq>",
    "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='x' ver='y='/></presence>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGE=</auth>",
    "<p:a xmlns:p='urn:1' xmlns:q=\"urn:2\" p:b = '1'\n\tq:b='&#9;&lt;'><b xmlns=''><p:c xmlns:p='urn:3'/></b ></p:a >",
    "<a xmlns='urn:x?a=1&amp;b=2'>]] ]&gt;\r\n\u{10FFFF}</a>",
    "<a b='1' b='2'/>",
    "<a><!-- c --></a>",
    "<a>&bogus;</a>",
    "<!DOCTYPE a><a/>",
    "<a>]]></a>",
];

const STREAM: &str = "<?xml version='1.0' encoding='UTF-8'?><stream:stream xmlns='jabber:client' \
xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0' xml:lang='en'>\n<presence/> </stream:stream>";

/// What the readers of `format` read.
const FORMATS: &[&str] = &[
    "<entry xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0'><id>x</id>\
<title type='text'>a #b</title><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>x</div></content>\
<link rel='via' href='xmpp:a@b?;node=n;item=i' length='1'/><published>2008-05-08T18:31:21Z</published>\
<thr:in-reply-to ref='x' href='y'/><category term='t'/></entry>",
    "<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title><author><name>n</name></author></feed>",
    "<x xmlns='jabber:x:data' type='form'><field var='a' type='boolean'><value>1</value>\
<option label='b'><value>c</value></option></field></x>",
    "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='a' type='b'/><feature var='c'/></query>",
    "<query xmlns='http://jabber.org/protocol/disco#items' node='n'><item jid='a@b' node='c' name='d'/></query>",
    "<set xmlns='http://jabber.org/protocol/rsm'><max>1</max><after>x</after></set>",
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>",
    "xmpp:a@b.c/d?;node=urn%3Ax;item=y",
    "see #Ünïcode and http://x/#y",
    "2008-05-08T18:31:21.5+01:00",
    "jiři@xn--bcher-kva.example/♚ a",
];

/// What those who sign in say: messages of the mechanisms, and requests around them.
const SASL: &[&str] = &[
    "\0tim\0tanstaaftanstaaf",
    "n,a=user@example.com,\u{1}auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u{1}\u{1}",
    "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    "juliet\x000123456789abcdef0123456789abcdef",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1-PLUS'><initial-response>biwsbj11c2VyLHI9eA==</initial-response>\
<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>AwesomeXMPP</software><device>Kiva's Phone</device></user-agent>\
<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>\
<inactive xmlns='urn:xmpp:csi:0'/></bind><resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/><fast xmlns='urn:xmpp:fast:0' count='1'/>\
<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>",
];

fn main() -> std::io::Result<()> {
    write("sasl", SASL)?;
    write("scanner", &[ELEMENTS, &[STREAM]].concat())?;
    write("element", &[ELEMENTS, &[STREAM]].concat())?;
    write("format", FORMATS)
}

fn write(target: &str, seeds: &[&str]) -> std::io::Result<()> {
    let directory = Path::new("corpus").join(target);
    fs::create_dir_all(&directory)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("seed-{number}")), seed)?;
    }
    Ok(())
}
