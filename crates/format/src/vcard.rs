//! What vcard-temp ([XEP-0054](https://xmpp.org/extensions/xep-0054.html)) and vCard4 in XML
//! ([RFC 6351](https://www.rfc-editor.org/rfc/rfc6351)) have in common: read from either, written as either
//! ([XEP-0292](https://xmpp.org/extensions/xep-0292.html) §11).
//!
//! What only one of them has is left to its bytes; so are pictures.

use std::borrow::Cow;

use wire::{Element, Writer, ns};

/// How a property's value is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Text in itself; in vCard4 inside an element of this name.
    Text(&'static str),
    /// A URI in vCard4 that begins so; the rest of it in vcard-temp.
    Uri(&'static str),
    /// Text inside an element: its name in vcard-temp.
    Inside(&'static str),
    /// A telephone number.
    Number,
    /// Named parts: the names in vcard-temp and in vCard4.
    Parts(&'static [(&'static str, &'static str)]),
    /// A name, and what it is divided in.
    Units,
    /// Latitude and longitude.
    Place,
}

/// A property that both have.
#[derive(Debug, PartialEq, Eq)]
struct Property {
    temp: &'static str,
    four: &'static str,
    value: Value,
}

const fn property(temp: &'static str, four: &'static str, value: Value) -> Property {
    Property { temp, four, value }
}

const PROPERTIES: [Property; 15] = [
    property("FN", "fn", Value::Text("text")),
    property(
        "N",
        "n",
        Value::Parts(&[
            ("FAMILY", "surname"),
            ("GIVEN", "given"),
            ("MIDDLE", "additional"),
            ("PREFIX", "prefix"),
            ("SUFFIX", "suffix"),
        ]),
    ),
    property("NICKNAME", "nickname", Value::Text("text")),
    property("BDAY", "bday", Value::Text("date")),
    property(
        "ADR",
        "adr",
        Value::Parts(&[
            ("POBOX", "pobox"),
            ("EXTADD", "ext"),
            ("STREET", "street"),
            ("LOCALITY", "locality"),
            ("REGION", "region"),
            ("PCODE", "code"),
            ("CTRY", "country"),
        ]),
    ),
    property("TEL", "tel", Value::Number),
    property("EMAIL", "email", Value::Inside("USERID")),
    property("JABBERID", "impp", Value::Uri("xmpp:")),
    property("TZ", "tz", Value::Text("text")),
    property("GEO", "geo", Value::Place),
    property("TITLE", "title", Value::Text("text")),
    property("ROLE", "role", Value::Text("text")),
    property("ORG", "org", Value::Units),
    // §11.1.1: a note too. It is what clients of vcard-temp show.
    property("DESC", "note", Value::Text("text")),
    property("URL", "url", Value::Uri("")),
];

/// §11.3: the types that vCard4 still has.
const TYPES: [(&str, &str); 8] = [
    ("HOME", "home"),
    ("WORK", "work"),
    ("VOICE", "voice"),
    ("FAX", "fax"),
    ("PAGER", "pager"),
    ("CELL", "cell"),
    ("VIDEO", "video"),
    ("TEXT", "text"),
];

/// A property with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    property: &'static Property,
    /// In the order of the property's parts; empty where it has no such part.
    values: Vec<String>,
    types: Vec<&'static str>,
    is_preferred: bool,
}

/// A property of vcard-temp that cannot be: elements where there is to be text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an element stands where a vCard has text")]
pub struct Misshapen;

fn by_temp(name: &str) -> Option<&'static Property> {
    let name = if name == "NOTE" { "DESC" } else { name };
    PROPERTIES.iter().find(|property| property.temp == name)
}

fn text_of(element: Element<'_>) -> Result<String, Misshapen> {
    match element.children().next() {
        Some(_) => Err(Misshapen),
        None => Ok(element.text().trim().to_owned()),
    }
}

/// Whether this child of a vcard-temp is a property that vCard4 has too.
#[must_use]
pub fn is_common(child: Element<'_>) -> bool {
    child.ns() == ns::VCARD_TEMP && by_temp(child.name()).is_some()
}

/// Whether this child of a vCard4 is a property that vcard-temp has too.
#[must_use]
pub fn is_common_in_vcard4(child: Element<'_>) -> bool {
    child.ns() == ns::VCARD4
        && PROPERTIES
            .iter()
            .filter(|property| property.four == child.name())
            .any(|property| property.value != Value::Uri("xmpp:") || is_xmpp(child))
}

fn is_xmpp(impp: Element<'_>) -> bool {
    impp.child("uri", ns::VCARD4)
        .is_some_and(|uri| uri.text().trim().starts_with("xmpp:"))
}

impl Field {
    /// From a child of a vcard-temp; nothing when it is another property, or says nothing.
    ///
    /// # Errors
    /// When there are elements where there is to be text.
    pub fn of_temp(child: Element<'_>) -> Result<Option<Field>, Misshapen> {
        if child.ns() != ns::VCARD_TEMP {
            return Ok(None);
        }
        let Some(property) = by_temp(child.name()) else {
            return Ok(None);
        };
        let inner = |name: &str| match child.child(name, ns::VCARD_TEMP) {
            Some(part) => text_of(part),
            None => Ok(String::new()),
        };
        let values = match property.value {
            Value::Text(_) | Value::Uri(_) => vec![text_of(child)?],
            Value::Inside(name) => vec![inner(name)?],
            Value::Number => vec![inner("NUMBER")?],
            Value::Parts(parts) => parts
                .iter()
                .map(|(temp, _)| inner(temp))
                .collect::<Result<_, _>>()?,
            Value::Units => {
                let name = inner("ORGNAME")?;
                let units = child.children().filter(|unit| unit.is("ORGUNIT", ns::VCARD_TEMP));
                let units = units.map(text_of).collect::<Result<Vec<_>, _>>()?;
                std::iter::once(name)
                    .chain(units.into_iter().filter(|unit| !unit.is_empty()))
                    .collect()
            }
            Value::Place => vec![inner("LAT")?, inner("LON")?],
        };
        let has = |name: &str| child.child(name, ns::VCARD_TEMP).is_some();
        let is_typed = matches!(property.temp, "ADR" | "TEL" | "EMAIL");
        let types = TYPES.iter().filter(|(temp, _)| is_typed && has(temp));
        Ok(Field {
            property,
            values,
            types: types.map(|(_, four)| *four).collect(),
            is_preferred: is_typed && has("PREF"),
        }
        .if_it_says_something())
    }

    /// From a child of a vCard4; nothing when it is another property, or says nothing.
    #[must_use]
    pub fn of_vcard4(child: Element<'_>) -> Option<Field> {
        if !is_common_in_vcard4(child) {
            return None;
        }
        let property = PROPERTIES.iter().find(|property| property.four == child.name())?;
        let parameters = child.child("parameters", ns::VCARD4);
        let values = || {
            child
                .children()
                .filter(|value| value.ns() == ns::VCARD4 && value.name() != "parameters")
        };
        let text = |value: Element<'_>| value.text().trim().to_owned();
        let first = || values().next().map(text).unwrap_or_default();
        let after = |scheme: &str| {
            let value = first();
            value.strip_prefix(scheme).map(str::to_owned).unwrap_or(value)
        };
        let values = match property.value {
            Value::Text(_) | Value::Inside(_) => vec![first()],
            Value::Uri(scheme) => vec![after(scheme)],
            Value::Number => vec![after("tel:")],
            Value::Parts(parts) => parts
                .iter()
                .map(|(_, four)| child.child(four, ns::VCARD4).map(text).unwrap_or_default())
                .collect(),
            Value::Units => values().map(text).collect(),
            Value::Place => {
                let place = after("geo:");
                let place = place.split(';').next().unwrap_or_default();
                let (latitude, rest) = place.split_once(',')?;
                let longitude = rest.split(',').next().unwrap_or_default();
                vec![latitude.to_owned(), longitude.to_owned()]
            }
        };
        let types = parameters.and_then(|parameters| parameters.child("type", ns::VCARD4));
        let is_type = |name: &str| {
            types.is_some_and(|types| {
                types
                    .children()
                    .any(|one| one.text().trim().eq_ignore_ascii_case(name))
            })
        };
        Field {
            property,
            values,
            types: TYPES
                .iter()
                .map(|(_, four)| *four)
                .filter(|four| is_type(four))
                .collect(),
            is_preferred: parameters.is_some_and(|all| all.child("pref", ns::VCARD4).is_some()),
        }
        .if_it_says_something()
    }

    fn if_it_says_something(self) -> Option<Field> {
        self.values.iter().any(|value| !value.is_empty()).then_some(self)
    }

    /// Whether a property of vcard-temp by this name is where the field stands.
    #[must_use]
    pub fn fits(&self, temp_name: &str) -> bool {
        by_temp(temp_name) == Some(self.property)
    }

    /// Whether both are of one property.
    #[must_use]
    pub fn is_same_property(&self, other: &Field) -> bool {
        self.property == other.property
    }

    /// Whether a child of a vCard4 is of this property.
    #[must_use]
    pub fn is_property_of(&self, child: Element<'_>) -> bool {
        self.property.four == child.name() && is_common_in_vcard4(child)
    }

    /// As an element of vcard-temp, inside one that declares its namespace.
    pub fn write_temp(&self, name: Option<&str>, writer: &mut Writer) {
        let value = |at: usize| self.values.get(at).map_or("", String::as_str);
        writer.open(name.unwrap_or(self.property.temp));
        for (temp, four) in TYPES {
            if self.types.contains(&four) {
                writer.open(temp).close();
            }
        }
        if self.property.temp == "EMAIL" {
            writer.open("INTERNET").close();
        }
        if self.is_preferred && matches!(self.property.temp, "ADR" | "TEL" | "EMAIL") {
            writer.open("PREF").close();
        }
        match self.property.value {
            Value::Text(_) | Value::Uri(_) => {
                writer.text(value(0));
            }
            Value::Inside(inner) => {
                writer.leaf(inner, value(0));
            }
            Value::Number => {
                writer.leaf("NUMBER", value(0));
            }
            Value::Parts(parts) => {
                for (at, (temp, _)) in parts.iter().enumerate().filter(|(at, _)| !value(*at).is_empty()) {
                    writer.leaf(temp, value(at));
                }
            }
            Value::Units => {
                writer.leaf("ORGNAME", value(0));
                for unit in self.values.iter().skip(1) {
                    writer.leaf("ORGUNIT", unit);
                }
            }
            Value::Place => {
                writer.leaf("LAT", value(0)).leaf("LON", value(1));
            }
        }
        writer.close();
    }

    /// As an element of vCard4, inside one that declares its namespace.
    pub fn write_vcard4(&self, writer: &mut Writer) {
        let value = |at: usize| self.values.get(at).map_or("", String::as_str);
        writer.open(self.property.four);
        if !self.types.is_empty() || self.is_preferred {
            writer.open("parameters");
            if !self.types.is_empty() {
                writer.open("type");
                for name in &self.types {
                    writer.leaf("text", name);
                }
                writer.close();
            }
            if self.is_preferred {
                writer.open("pref").leaf("integer", "1").close();
            }
            writer.close();
        }
        match self.property.value {
            Value::Text(tag) => {
                writer.leaf(tag, value(0));
            }
            Value::Inside(_) => {
                writer.leaf("text", value(0));
            }
            Value::Uri(scheme) => {
                writer.leaf("uri", &format!("{scheme}{}", value(0)));
            }
            Value::Number => {
                let (tag, text) = number(value(0));
                writer.leaf(tag, &text);
            }
            Value::Parts(parts) => {
                for (at, (_, four)) in parts.iter().enumerate() {
                    writer.leaf(four, value(at));
                }
            }
            Value::Units => {
                for unit in &self.values {
                    writer.leaf("text", unit);
                }
            }
            Value::Place => {
                writer.leaf("uri", &format!("geo:{},{}", value(0), value(1)));
            }
        }
        writer.close();
    }
}

/// A number as a `tel:` URI where it can be one (RFC 3966 §3), as text otherwise.
fn number(number: &str) -> (&'static str, Cow<'_, str>) {
    let is_uri = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.()*#".contains(&byte));
    if is_uri {
        ("uri", Cow::Owned(format!("tel:{number}")))
    } else {
        ("text", Cow::Borrowed(number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Document;

    const TEMP: &str = "<FN>Juliet Capulet</FN><N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN></N>\
        <NICKNAME>Jule</NICKNAME><BDAY>1580-07-31</BDAY>\
        <ADR><HOME/><STREET>Via Cappello 23</STREET><LOCALITY>Verona</LOCALITY></ADR>\
        <TEL><CELL/><PREF/><NUMBER>+39-045-8034303</NUMBER></TEL><TEL><NUMBER>ask the nurse</NUMBER></TEL>\
        <EMAIL><WORK/><INTERNET/><USERID>juliet@capulet.lit</USERID></EMAIL><JABBERID>juliet@capulet.lit</JABBERID>\
        <GEO><LAT>45.44</LAT><LON>10.99</LON></GEO><ORG><ORGNAME>Capulet</ORGNAME><ORGUNIT>Balcony</ORGUNIT></ORG>\
        <DESC>a &amp; b</DESC><URL>https://capulet.lit/</URL>";

    fn fields_of_temp(inner: &str) -> Vec<Field> {
        let document =
            Document::parse(format!("<vCard xmlns='vcard-temp'>{inner}</vCard>").into_bytes()).unwrap();
        let fields = document.root().children().map(Field::of_temp);
        fields.filter_map(Result::unwrap).collect()
    }

    #[test]
    fn what_both_have_survives_the_way_there_and_back() {
        let fields = fields_of_temp(TEMP);
        assert_eq!(fields.len(), 13);
        let mut writer = Writer::new();
        writer.open("vcard").ns(ns::VCARD4);
        fields.iter().for_each(|field| field.write_vcard4(&mut writer));
        let four = Document::parse(writer.finish()).unwrap();
        let again: Vec<_> = four.root().children().filter_map(Field::of_vcard4).collect();
        assert_eq!(again, fields);
        let mut writer = Writer::new();
        again.iter().for_each(|field| field.write_temp(None, &mut writer));
        assert_eq!(String::from_utf8(writer.finish()).unwrap(), TEMP);
    }

    #[test]
    fn what_vcard4_writes_otherwise_is_read() {
        let read = |inner: &str| {
            let xml = format!("<vcard xmlns='{}'>{inner}</vcard>", ns::VCARD4);
            let document = Document::parse(xml.into_bytes()).unwrap();
            let mut writer = Writer::new();
            for field in document.root().children().filter_map(Field::of_vcard4) {
                field.write_temp(None, &mut writer);
            }
            String::from_utf8(writer.finish()).unwrap()
        };
        assert_eq!(
            read("<bday><date-time>15800731T0000</date-time></bday>"),
            "<BDAY>15800731T0000</BDAY>"
        );
        assert_eq!(
            read("<geo><uri>geo:45.4,10.9,59;u=3</uri></geo>"),
            "<GEO><LAT>45.4</LAT><LON>10.9</LON></GEO>"
        );
        assert_eq!(read("<geo><uri>geo:nowhere</uri></geo>"), "");
        assert_eq!(read("<impp><uri>sip:juliet@capulet.lit</uri></impp>"), "");
        assert_eq!(
            read("<fn/><note><text> </text></note><x-unknown/><photo><uri>data:,</uri></photo>"),
            ""
        );
    }

    #[test]
    fn elements_in_text_are_misshapen() {
        let bad = |inner: &str| {
            let document =
                Document::parse(format!("<vCard xmlns='vcard-temp'>{inner}</vCard>").into_bytes()).unwrap();
            let first = document.root().children().next().unwrap();
            Field::of_temp(first)
        };
        assert_eq!(bad("<FN><b/>Juliet</FN>"), Err(Misshapen));
        assert_eq!(bad("<N><GIVEN><b/></GIVEN></N>"), Err(Misshapen));
        assert_eq!(bad("<FN/>"), Ok(None));
        assert_eq!(bad("<FN xmlns='urn:other'>x</FN>"), Ok(None));
    }

    #[test]
    fn a_note_is_a_description() {
        let fields = fields_of_temp("<NOTE>one</NOTE>");
        assert!(fields[0].fits("DESC") && fields[0].fits("NOTE") && !fields[0].fits("FN"));
    }
}
