//! Data forms: fields of names and values, to fill in or filled in.
//!
//! Specification: [XEP-0004](https://xmpp.org/extensions/xep-0004.html), with the `FORM_TYPE` of
//! [XEP-0068](https://xmpp.org/extensions/xep-0068.html). Tables of several items (§3.4) are not read: nothing here
//! asks for one.

use wire::{Element, Writer, ns};

/// How many fields a form may have.
const MAX_FIELDS: usize = 512;

/// Why an element is no form: `bad-request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It is not an `<x xmlns='jabber:x:data'/>`.
    #[error("not a data form")]
    NotAForm,
    /// The form's type is not one of the four.
    #[error("a data form of an unknown type")]
    UnknownType,
    /// More than 512 fields.
    #[error("a data form with too many fields")]
    TooManyFields,
}

/// What a form is for (§3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormType {
    /// To be filled in.
    Form,
    /// Filled in.
    Submit,
    /// Not to be filled in after all.
    Cancel,
    /// Data to be shown or used.
    Result,
}

impl FormType {
    /// The value of the attribute `type`.
    pub fn name(self) -> &'static str {
        match self {
            FormType::Form => "form",
            FormType::Submit => "submit",
            FormType::Cancel => "cancel",
            FormType::Result => "result",
        }
    }

    fn parse(name: &str) -> Option<FormType> {
        [
            FormType::Form,
            FormType::Submit,
            FormType::Cancel,
            FormType::Result,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

/// How a field is shown and what its values are (§3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Yes or no.
    Boolean,
    /// Text for the person.
    Fixed,
    /// Not shown, and sent back as it is.
    Hidden,
    /// Any number of JIDs.
    JidMulti,
    /// A JID.
    JidSingle,
    /// Any number of the options.
    ListMulti,
    /// One of the options.
    ListSingle,
    /// Lines of text, a value each.
    TextMulti,
    /// A text that is not shown while typed.
    TextPrivate,
    /// A line of text.
    TextSingle,
}

impl FieldType {
    const ALL: [FieldType; 10] = [
        FieldType::Boolean,
        FieldType::Fixed,
        FieldType::Hidden,
        FieldType::JidMulti,
        FieldType::JidSingle,
        FieldType::ListMulti,
        FieldType::ListSingle,
        FieldType::TextMulti,
        FieldType::TextPrivate,
        FieldType::TextSingle,
    ];

    /// The value of the attribute `type`.
    pub fn name(self) -> &'static str {
        match self {
            FieldType::Boolean => "boolean",
            FieldType::Fixed => "fixed",
            FieldType::Hidden => "hidden",
            FieldType::JidMulti => "jid-multi",
            FieldType::JidSingle => "jid-single",
            FieldType::ListMulti => "list-multi",
            FieldType::ListSingle => "list-single",
            FieldType::TextMulti => "text-multi",
            FieldType::TextPrivate => "text-private",
            FieldType::TextSingle => "text-single",
        }
    }
}

/// One of a list's choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOption {
    /// What the person reads.
    pub label: Option<String>,
    /// What is sent.
    pub value: String,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name; empty only for fixed text.
    pub var: String,
    /// Its type, which a submitted form leaves out.
    pub kind: Option<FieldType>,
    /// What the person reads.
    pub label: Option<String>,
    /// True if it has to be filled in.
    pub required: bool,
    /// Its values.
    pub values: Vec<String>,
    /// A list's choices.
    pub options: Vec<FieldOption>,
}

impl Field {
    /// A field of this type without a value.
    pub fn new(var: impl Into<String>, kind: FieldType) -> Field {
        Field {
            var: var.into(),
            kind: Some(kind),
            ..Field::default()
        }
    }

    /// A field with a value and no type, as in a submitted form.
    pub fn plain(var: impl Into<String>, value: impl Into<String>) -> Field {
        Field {
            var: var.into(),
            values: vec![value.into()],
            ..Field::default()
        }
    }

    /// A hidden field.
    pub fn hidden(var: impl Into<String>, value: impl Into<String>) -> Field {
        Field {
            kind: Some(FieldType::Hidden),
            ..Field::plain(var, value)
        }
    }

    /// A line of text.
    pub fn text(var: impl Into<String>, value: impl Into<String>) -> Field {
        Field {
            kind: Some(FieldType::TextSingle),
            ..Field::plain(var, value)
        }
    }

    /// Yes or no.
    pub fn boolean(var: impl Into<String>, value: bool) -> Field {
        Field {
            kind: Some(FieldType::Boolean),
            ..Field::plain(var, if value { "1" } else { "0" })
        }
    }

    /// One of a list of values, each with its label.
    pub fn list(var: impl Into<String>, value: impl Into<String>, options: &[(&str, &str)]) -> Field {
        let option = |(value, label): &(&str, &str)| FieldOption {
            label: Some((*label).to_owned()),
            value: (*value).to_owned(),
        };
        Field {
            kind: Some(FieldType::ListSingle),
            options: options.iter().map(option).collect(),
            ..Field::plain(var, value)
        }
    }

    /// The same with a label.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Field {
        self.label = Some(label.into());
        self
    }

    /// The same with these values instead of those it had.
    #[must_use]
    pub fn values<T: Into<String>>(mut self, values: impl IntoIterator<Item = T>) -> Field {
        self.values = values.into_iter().map(Into::into).collect();
        self
    }

    /// The same, to be filled in.
    #[must_use]
    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    fn parse(element: Element<'_>) -> Field {
        let mut field = Field {
            var: element.attr("var").unwrap_or_default().into_owned(),
            // An unknown type is shown as a line of text (§3.3).
            kind: element.attr("type").map(|name| {
                FieldType::ALL
                    .into_iter()
                    .find(|kind| kind.name() == name)
                    .unwrap_or(FieldType::TextSingle)
            }),
            label: element.attr("label").map(Into::into),
            ..Field::default()
        };
        for child in element.children().filter(|child| child.ns() == ns::DATA_FORMS) {
            match child.name() {
                "value" => field.values.push(child.text().into_owned()),
                "required" => field.required = true,
                "option" => {
                    if let Some(value) = child.child("value", ns::DATA_FORMS) {
                        let label = child.attr("label").map(Into::into);
                        field.options.push(FieldOption {
                            label,
                            value: value.text().into_owned(),
                        });
                    }
                }
                _ => {}
            }
        }
        field
    }

    fn write(&self, writer: &mut Writer) {
        writer.open("field");
        if !self.var.is_empty() {
            writer.attr("var", &self.var);
        }
        writer
            .attr_opt("type", self.kind.map(FieldType::name))
            .attr_opt("label", self.label.as_deref());
        if self.required {
            writer.open("required").close();
        }
        for value in &self.values {
            writer.leaf("value", value);
        }
        for option in &self.options {
            writer.open("option").attr_opt("label", option.label.as_deref());
            writer.leaf("value", &option.value).close();
        }
        writer.close();
    }
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataForm {
    /// What it is for.
    pub kind: FormType,
    /// Its title.
    pub title: Option<String>,
    /// What to do with it, in lines.
    pub instructions: Vec<String>,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

impl DataForm {
    /// A form without fields.
    pub fn new(kind: FormType) -> DataForm {
        DataForm {
            kind,
            title: None,
            instructions: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The same with its `FORM_TYPE` (XEP-0068).
    #[must_use]
    pub fn with_form_type(self, namespace: &str) -> DataForm {
        self.with(Field::hidden("FORM_TYPE", namespace))
    }

    /// The same with another field.
    #[must_use]
    pub fn with(mut self, field: Field) -> DataForm {
        self.fields.push(field);
        self
    }

    /// Reads an `<x/>`.
    ///
    /// # Errors
    /// A [`FormError`]; the answer is `bad-request`.
    pub fn parse(element: Element<'_>) -> Result<DataForm, FormError> {
        if !element.is("x", ns::DATA_FORMS) {
            return Err(FormError::NotAForm);
        }
        let kind = element.attr("type").and_then(|name| FormType::parse(&name));
        let mut form = DataForm::new(kind.ok_or(FormError::UnknownType)?);
        for child in element.children().filter(|child| child.ns() == ns::DATA_FORMS) {
            match child.name() {
                "title" => form.title = Some(child.text().into_owned()),
                "instructions" => form.instructions.push(child.text().into_owned()),
                "field" if form.fields.len() == MAX_FIELDS => return Err(FormError::TooManyFields),
                "field" => form.fields.push(Field::parse(child)),
                _ => {}
            }
        }
        Ok(form)
    }

    /// Reads the first `<x/>` among an element's children, if there is one.
    ///
    /// # Errors
    /// As [`DataForm::parse`].
    pub fn find(parent: Element<'_>) -> Result<Option<DataForm>, FormError> {
        parent.child("x", ns::DATA_FORMS).map(DataForm::parse).transpose()
    }

    /// Writes the `<x/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer.open("x").ns(ns::DATA_FORMS).attr("type", self.kind.name());
        if let Some(title) = &self.title {
            writer.leaf("title", title);
        }
        for line in &self.instructions {
            writer.leaf("instructions", line);
        }
        for field in &self.fields {
            field.write(writer);
        }
        writer.close();
    }

    /// The namespace that says what the fields mean (XEP-0068).
    pub fn form_type(&self) -> Option<&str> {
        self.value("FORM_TYPE")
    }

    /// The first field of this name.
    pub fn field(&self, var: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.var == var)
    }

    /// The first value of a field.
    pub fn value(&self, var: &str) -> Option<&str> {
        self.values(var).first().map(String::as_str)
    }

    /// All values of a field; none when there is no such field.
    pub fn values(&self, var: &str) -> &[String] {
        self.field(var).map_or(&[], |field| &field.values)
    }
}

/// The value of a boolean field (§3.3); `None` if it is none.
pub fn parse_bool(value: &str) -> Option<bool> {
    match value.trim_ascii() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
