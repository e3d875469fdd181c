#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use wire::Document;

use super::*;

fn written(form: &DataForm) -> Vec<u8> {
    let mut writer = Writer::new();
    form.write(&mut writer);
    writer.finish()
}

fn parse(xml: &str) -> Result<DataForm, FormError> {
    DataForm::parse(Document::parse(xml.as_bytes()).unwrap().root())
}

#[test]
fn a_form_both_ways() {
    let form = DataForm {
        title: Some("Node <config>".into()),
        instructions: vec!["Fill in.".into()],
        ..DataForm::new(FormType::Form)
    }
    .with_form_type("http://jabber.org/protocol/pubsub#node_config")
    .with(Field::boolean("pubsub#persist_items", true).label("Keep posts"))
    .with(Field::list(
        "pubsub#access_model",
        "open",
        &[("open", "Everybody"), ("presence", "Contacts")],
    ))
    .with(
        Field::new("pubsub#children", FieldType::TextMulti)
            .values(["a", "b"])
            .required(),
    )
    .with(Field {
        kind: Some(FieldType::Fixed),
        values: vec!["text".into()],
        ..Field::default()
    });
    let xml = String::from_utf8(written(&form)).unwrap();
    assert_eq!(
        xml,
        "<x xmlns='jabber:x:data' type='form'><title>Node &lt;config&gt;</title>\
         <instructions>Fill in.</instructions>\
         <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>\
         <field var='pubsub#persist_items' type='boolean' label='Keep posts'><value>1</value></field>\
         <field var='pubsub#access_model' type='list-single'><value>open</value>\
         <option label='Everybody'><value>open</value></option>\
         <option label='Contacts'><value>presence</value></option></field>\
         <field var='pubsub#children' type='text-multi'><required/><value>a</value><value>b</value></field>\
         <field type='fixed'><value>text</value></field></x>"
    );
    assert_eq!(parse(&xml), Ok(form.clone()));
    assert_eq!(
        form.form_type(),
        Some("http://jabber.org/protocol/pubsub#node_config")
    );
    assert_eq!(
        form.value("pubsub#persist_items").and_then(parse_bool),
        Some(true)
    );
    assert_eq!(form.values("pubsub#children"), ["a", "b"]);
    assert_eq!((form.value("none"), form.values("none")), (None, &[][..]));
}

#[test]
fn bad_forms() {
    let many = format!(
        "<x xmlns='jabber:x:data' type='submit'>{}</x>",
        "<field/>".repeat(MAX_FIELDS + 1)
    );
    for (xml, error) in [
        ("<x xmlns='jabber:x:date' type='submit'/>", FormError::NotAForm),
        ("<y xmlns='jabber:x:data' type='submit'/>", FormError::NotAForm),
        ("<x xmlns='jabber:x:data'/>", FormError::UnknownType),
        ("<x xmlns='jabber:x:data' type='set'/>", FormError::UnknownType),
        (&many, FormError::TooManyFields),
    ] {
        assert_eq!(parse(xml), Err(error));
    }
}

#[test]
fn odd_forms() {
    let form = parse(
        "<x xmlns='jabber:x:data' type='submit'><field var='a' type='odd'><option/><value/></field>\
         <field xmlns='y' var='b'/><reported/></x>",
    )
    .unwrap();
    assert_eq!(form.fields.len(), 1);
    assert_eq!(form.field("a").unwrap().kind, Some(FieldType::TextSingle));
    assert_eq!(form.value("a"), Some(""));
    assert_eq!(parse_bool(" true "), Some(true));
    assert_eq!(parse_bool("yes"), None);
}

prop_compose! {
    fn any_field()(
        var in "\\PC{1,12}",
        kind in proptest::option::of(0..FieldType::ALL.len()),
        label in proptest::option::of("\\PC{0,8}"),
        required in any::<bool>(),
        values in prop::collection::vec("\\PC{0,12}", 0..3),
        options in prop::collection::vec((proptest::option::of("\\PC{0,8}"), "\\PC{0,8}"), 0..3),
    ) -> Field {
        let options = options.into_iter().map(|(label, value)| FieldOption { label, value }).collect();
        Field { var, kind: kind.map(|at| FieldType::ALL[at]), label, required, values, options }
    }
}

proptest! {
    #[test]
    fn round_trips(fields in prop::collection::vec(any_field(), 0..5), title in proptest::option::of("\\PC{0,12}")) {
        let form = DataForm { title, fields, ..DataForm::new(FormType::Result) };
        let document = Document::parse(written(&form)).unwrap();
        prop_assert_eq!(DataForm::parse(document.root()), Ok(form));
    }
}
