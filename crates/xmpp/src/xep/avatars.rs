//! XEP-0084: User Avatar, <https://xmpp.org/extensions/xep-0084.html>, XEP-0153 and XEP-0398, its other face in vCards and
//! presence. What nodes hold is checked in `pubsub::profile::known`; presence is in `crate::avatars`.

use format::avatar::{DATA, Image, METADATA, Metadata};
use format::form::{DataForm, Field, FormType};
use pubsub::form::PUBLISH_OPTIONS;
use pubsub::{NewItem, PubsubError};
use wire::StanzaError;

use super::Xeps;
use super::pubsub::errors::on_the_wire;
use crate::avatars;
use crate::iq::{Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(84, "User Avatar", "1.1.4")
        .xep(153, "vCard-Based Avatars", "1.1.1")
        .xep(398, "User Avatar to vCard-Based Avatars Conversion", "1.0.0")
        .without("the hash is left out of presence to a stranger who may not fetch the image")
        .feature(Target::OwnAccount, "urn:xmpp:pep-vcard-conversion:0");
}

/// The picture of a vCard is one's avatar from now on (XEP-0398 §3.2); without one there is none. What is shown already is
/// not told again.
pub(super) async fn set_from_vcard(cx: &Cx, photo: Option<Image>) -> Result<(), StanzaError> {
    let shown = avatars::shown_to(&cx.server, &cx.to, &cx.actor()).await;
    let shown = shown.map_err(on_the_wire)?;
    match photo {
        Some(photo) if shown.as_ref().is_some_and(|shown| shown.id == photo.id) => Ok(()),
        Some(photo) => {
            publish(cx, DATA, &photo.id, photo.to_data()).await?;
            let metadata = Metadata {
                infos: vec![photo.info()],
            };
            publish(cx, METADATA, &photo.id, metadata.to_xml()).await
        }
        None if shown.is_none() => Ok(()),
        None => publish(cx, METADATA, "disabled", Metadata::default().to_xml()).await,
    }
}

/// Publishes on the account's behalf what its vCard says. A node that is not there yet is as open as vCards are; one that is
/// there stays as its owner configured it.
pub(super) async fn publish(cx: &Cx, node: &str, id: &str, payload: Vec<u8>) -> Result<(), StanzaError> {
    let options = DataForm::new(FormType::Submit)
        .with_form_type(PUBLISH_OPTIONS)
        .with(Field::text("pubsub#access_model", "open"));
    let (host, actor) = (&cx.server.host, cx.actor());
    let items = || {
        vec![NewItem {
            id: Some(id.to_owned()),
            payload: Some(payload.clone()),
        }]
    };
    let accepted = match host.publish(&cx.to, &actor, node, items(), Some(&options)).await {
        Err(PubsubError::PreconditionNotMet) => host.publish(&cx.to, &actor, node, items(), None).await,
        other => other,
    };
    let stored = accepted.map_err(on_the_wire)?.durable.await;
    stored.map(drop).map_err(on_the_wire)
}
