//! XEP-0054: vcard-temp, <https://xmpp.org/extensions/xep-0054.html>: what people tell of themselves to everybody; and what
//! the server tells of itself.
//!
//! Each value has one home. The picture is the avatar (XEP-0398), what vCard4 has too is in its node (XEP-0292); of those
//! only the places are kept here, and whoever asks gets from the nodes what they may read there. The rest is kept as it was
//! written.

use std::borrow::Cow;

use format::avatar::{Image, METADATA};
use format::vcard::{self, Field};
use store::vcards;
use wire::{Document, Element, StanzaError, Writer, ns};

use super::pubsub::errors::on_the_wire;
use super::{Xeps, avatars, vcard4};
use crate::failures::{unreadable, unwritable};
use crate::iq::{Answer, Answered, Cx, Target};
use crate::splice::splice;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(54, "vcard-temp", "1.3.0");
    for target in [Target::OwnAccount, Target::Server] {
        xeps.feature(target, ns::VCARD_TEMP);
    }
    for target in [Target::OwnAccount, Target::Account] {
        xeps.get(target, ns::VCARD_TEMP, "vCard", get);
    }
    xeps.set(Target::OwnAccount, ns::VCARD_TEMP, "vCard", set)
        .set(Target::Account, ns::VCARD_TEMP, "vCard", foreign)
        .get(Target::Server, ns::VCARD_TEMP, "vCard", of_server)
        .set(Target::Server, ns::VCARD_TEMP, "vCard", foreign);
}

/// The largest vCard, its picture included, in bytes.
const VCARD_MAX: usize = 128 * 1024;

/// §3.2: nobody changes another's.
async fn foreign(_: Cx) -> Answered {
    Err(StanzaError::forbidden())
}

/// §3.1, §3.3. A read may have to wait for what others were told of already; the session does not wait with it.
async fn get(cx: Cx) -> Answered {
    Answer::later(put_together(cx))
}

async fn put_together(cx: Cx) -> Answered {
    let missing = match cx.target {
        Target::OwnAccount => StanzaError::item_not_found(),
        // §3.3: as for an account that does not exist.
        Target::Account | Target::Server | Target::Pubsub => StanzaError::service_unavailable(),
    };
    let Some(no) = cx.server.find(cx.to.as_str()).await else {
        return Err(missing);
    };
    let (server, actor) = (&cx.server, cx.actor());
    let stored = server
        .store
        .read(move |reader| reader.vcard(no))
        .await
        .map_err(|error| unreadable(&error))?;
    let photo = crate::avatars::shown_to(server, &cx.to, &actor);
    let photo = photo.await.map_err(on_the_wire)?;
    let common = vcard4::of(server, &cx.to, &actor).await.map_err(on_the_wire)?;
    let fields = common.map(|common| common.fields()).unwrap_or_default();
    if stored.is_none() && photo.is_none() && fields.is_empty() {
        return Err(missing);
    }
    // From when on the nodes decide, whoever may read them.
    let has_avatar = server
        .host
        .view(&cx.to, METADATA)
        .await
        .map_err(on_the_wire)?
        .is_some();
    let has_common = vcard4::is_there(server, &cx.to).await.map_err(on_the_wire)?;
    let stored = stored.unwrap_or_else(|| b"<vCard xmlns='vcard-temp'/>".to_vec());
    let stored = Document::parse(stored).map_err(|_| StanzaError::internal_server_error())?;
    let shown = Shown {
        photo: if has_avatar { Some(photo) } else { None },
        fields: if has_common { Some(fields) } else { None },
    };
    Ok(Answer::Payload(shown.fill(stored.root())))
}

/// What the nodes say, as far as there are such nodes.
struct Shown {
    photo: Option<Option<Image>>,
    fields: Option<Vec<Field>>,
}

impl Shown {
    /// Puts what the nodes say into the places kept for it, and the rest behind them.
    fn fill(&self, vcard: Element<'_>) -> Vec<u8> {
        let mut fields: Vec<&Field> = self.fields.iter().flatten().collect();
        let mut photo = self.photo.as_ref().and_then(Option::as_ref);
        let mut instead: Vec<Vec<u8>> = Vec::new();
        for child in vcard.children().filter(|child| self.has_place_for(*child)) {
            let mut writer = Writer::new();
            if is_photo(child) {
                if let Some(photo) = photo.take() {
                    write_photo(photo, &mut writer);
                }
            } else if let Some(at) = fields.iter().position(|field| field.fits(child.name())) {
                fields.remove(at).write_temp(Some(child.name()), &mut writer);
            }
            instead.push(within(vcard, writer));
        }
        let mut writer = Writer::new();
        fields
            .iter()
            .for_each(|field| field.write_temp(None, &mut writer));
        if let Some(photo) = photo {
            write_photo(photo, &mut writer);
        }
        let append = within(vcard, writer);
        let places = std::cell::RefCell::new(instead.into_iter());
        let change = |child| {
            let is_place = self.has_place_for(child);
            is_place.then(|| Cow::Owned(places.borrow_mut().next().unwrap_or_default()))
        };
        splice(vcard, change, &append)
    }

    fn has_place_for(&self, child: Element<'_>) -> bool {
        if is_photo(child) {
            // A picture elsewhere gives way to one that is here.
            let is_elsewhere = child.child("EXTVAL", ns::VCARD_TEMP).is_some();
            self.photo
                .as_ref()
                .is_some_and(|photo| photo.is_some() || !is_elsewhere)
        } else {
            self.fields.is_some() && vcard::is_common(child)
        }
    }
}

fn is_photo(child: Element<'_>) -> bool {
    child.is("PHOTO", ns::VCARD_TEMP)
}

/// XEP-0153 §4.5: the type is that of the image itself.
fn write_photo(photo: &Image, writer: &mut Writer) {
    writer
        .open("PHOTO")
        .leaf("TYPE", photo.header.format.media_type())
        .leaf("BINVAL", &photo.to_base64())
        .close();
}

/// Elements written for inside a vCard: where that has a prefix, they declare their namespace themselves.
fn within(vcard: Element<'_>, writer: Writer) -> Vec<u8> {
    let inner = writer.finish();
    if inner.is_empty() || vcard.raw().starts_with(b"<vCard") {
        return inner;
    }
    let mut outer = Writer::new();
    outer.open("vCard").ns(ns::VCARD_TEMP).raw(&inner).close();
    match Document::parse(outer.finish()) {
        Ok(document) => document.root().children().flat_map(|child| child.cut()).collect(),
        Err(_) => Vec::new(),
    }
}

/// §3.2: always the whole vCard.
async fn set(cx: Cx) -> Answered {
    let vcard = cx.payload().cut();
    if vcard.len() > VCARD_MAX {
        return Err(StanzaError::policy_violation().text("too large to be stored"));
    }
    let vcard = Document::parse(vcard).map_err(|_| StanzaError::bad_request())?;
    let misshapen = |error: vcard::Misshapen| StanzaError::bad_request().text(error.to_string());
    let fields = vcard.root().children().map(Field::of_temp);
    let fields: Vec<Field> = fields
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()
        .map_err(misshapen)?;
    if fields.len() > vcard4::FIELDS_MAX {
        return Err(StanzaError::policy_violation().text("too many properties"));
    }
    let photo = photo(vcard.root())?;
    avatars::set_from_vcard(&cx, photo).await?;
    vcard4::set_from_temp(&cx, &fields).await?;
    let places = |child: Element<'_>| {
        let is_elsewhere = child.child("EXTVAL", ns::VCARD_TEMP).is_some();
        let has_home = vcard::is_common(child) || (is_photo(child) && !is_elsewhere);
        has_home.then(|| {
            let mut writer = Writer::new();
            writer.open(child.name()).close();
            Cow::Owned(within(vcard.root(), writer))
        })
    };
    let kept = splice(vcard.root(), places, &[]);
    // Waited for, so that whoever sets and gets in one packet gets what was set.
    let written = cx.server.store.write(vcards::put(cx.no(), kept)).await;
    written.map_err(|error| unwritable(&error))?;
    Ok(Answer::Empty)
}

/// The picture inside a vCard: none where `<BINVAL/>` is empty or missing (XEP-0153 §4.4).
fn photo(vcard: Element<'_>) -> Result<Option<Image>, StanzaError> {
    let binval = |photo: Element<'_>| {
        let value = photo.child("BINVAL", ns::VCARD_TEMP)?.text().into_owned();
        (!value.trim().is_empty()).then_some(value)
    };
    let mut all = vcard
        .children()
        .filter(|child| is_photo(*child))
        .filter_map(binval);
    let Some(first) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(StanzaError::bad_request().text("more than one picture"));
    }
    let image = Image::from_base64(&first);
    image
        .map(Some)
        .map_err(|error| StanzaError::not_acceptable().text(error.as_str()))
}

/// §3.3: a server may have one too: its domain, its site, its administrators' mail.
async fn of_server(cx: Cx) -> Answered {
    let settings = &cx.server.settings;
    let mut writer = Writer::new();
    writer
        .open("vCard")
        .ns(ns::VCARD_TEMP)
        .leaf("FN", cx.to.as_str())
        .leaf("URL", &settings.site_url);
    for mail in settings
        .contacts
        .admin
        .iter()
        .filter_map(|uri| uri.strip_prefix("mailto:"))
    {
        writer.open("EMAIL");
        writer.open("INTERNET").close();
        writer.leaf("USERID", mail).close();
    }
    writer.leaf("JABBERID", cx.to.as_str()).close();
    Ok(Answer::Payload(writer.finish()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GIF: &str = "R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=";

    fn filled(stored: &str, photo: Option<Option<Image>>, fields: Option<Vec<Field>>) -> String {
        let stored = format!("<vCard xmlns='vcard-temp'>{stored}</vCard>");
        let stored = Document::parse(stored.into_bytes()).unwrap();
        let filled = String::from_utf8(Shown { photo, fields }.fill(stored.root())).unwrap();
        let inner = filled.strip_prefix("<vCard xmlns='vcard-temp'>").unwrap();
        inner.strip_suffix("</vCard>").unwrap().to_owned()
    }

    #[test]
    fn without_nodes_it_is_what_was_stored() {
        let old = "<FN>Juliet</FN><PHOTO><BINVAL>AAAA</BINVAL></PHOTO><KEY/>";
        assert_eq!(filled(old, None, None), old);
    }

    #[test]
    fn a_picture_elsewhere_stands_until_there_is_one_here() {
        let elsewhere = "<PHOTO><EXTVAL>https://example.org/a.png</EXTVAL></PHOTO>";
        assert_eq!(filled(elsewhere, Some(None), None), elsewhere);
        let image = Image::from_base64(GIF).unwrap();
        let here = format!("<PHOTO><TYPE>image/gif</TYPE><BINVAL>{GIF}</BINVAL></PHOTO>");
        assert_eq!(filled(elsewhere, Some(Some(image.clone())), None), here);
        assert_eq!(filled("", Some(Some(image)), None), here);
        // One that an older version stored is not shown beside it, nor after it.
        assert_eq!(
            filled("<PHOTO><BINVAL>AAAA</BINVAL></PHOTO>", Some(None), None),
            ""
        );
    }

    #[test]
    fn what_nobody_may_read_leaves_no_trace() {
        assert_eq!(
            filled("<FN/><KEY>k</KEY><NICKNAME/>", None, Some(Vec::new())),
            "<KEY>k</KEY>"
        );
    }

    #[test]
    fn a_picture_is_one_and_a_picture() {
        let read = |inner: &str| {
            let vcard =
                Document::parse(format!("<vCard xmlns='vcard-temp'>{inner}</vCard>").into_bytes()).unwrap();
            photo(vcard.root()).map(|photo| photo.map(|photo| photo.id))
        };
        for none in [
            "",
            "<PHOTO/>",
            "<PHOTO><BINVAL/></PHOTO>",
            "<PHOTO><EXTVAL>https://a</EXTVAL></PHOTO>",
        ] {
            assert_eq!(read(none), Ok(None), "{none}");
        }
        let one = format!("<PHOTO><BINVAL>{GIF}</BINVAL></PHOTO>");
        assert!(read(&one).unwrap().is_some());
        assert!(read(&format!("<PHOTO/>{one}")).unwrap().is_some());
        assert!(read(&one.repeat(2)).is_err());
        assert!(read("<PHOTO><BINVAL>AAAA</BINVAL></PHOTO>").is_err());
    }
}
