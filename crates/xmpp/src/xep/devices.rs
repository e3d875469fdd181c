//! Devices that stay signed in by a token: `urn:x-folkmoot:devices:0`, asked of one's own account. The token signs in with
//! OAUTHBEARER; it is told once and revoked one by one. Clients with tokens by XEP-0484 are listed and revoked here too.

use store::DeviceId;
use wire::{StanzaError, Writer};

use super::Xeps;
use crate::auth::AuthError;
use crate::iq::{Answer, Answered, Cx, Target};

const DEVICES: &str = "urn:x-folkmoot:devices:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(DEVICES);
    xeps.set(Target::OwnAccount, DEVICES, "device", add);
    xeps.get(Target::OwnAccount, DEVICES, "devices", list);
    xeps.set(Target::OwnAccount, DEVICES, "revoke", revoke);
}

fn failed(error: AuthError) -> StanzaError {
    match error {
        AuthError::Read(error) => crate::failures::unreadable(&error),
        AuthError::Write(error) => crate::failures::unwritable(&error),
        AuthError::Random | AuthError::Stopping => StanzaError::internal_server_error(),
    }
}

async fn add(cx: Cx) -> Answered {
    let label = cx.payload().attr("label").unwrap_or_default().into_owned();
    Answer::later(async move {
        let device = cx
            .server
            .auth
            .add_device(cx.no(), &label)
            .await
            .map_err(failed)?;
        let mut writer = Writer::new();
        writer
            .open("device")
            .ns(DEVICES)
            .attr("id", &device.id.0.to_string())
            .attr("token", &device.token);
        writer
            .attr("expires", &format::datetime::to_text(device.expires.0))
            .close();
        Ok(Answer::Payload(writer.finish()))
    })
}

async fn list(cx: Cx) -> Answered {
    let devices = cx.server.auth.devices(cx.no()).await.map_err(failed)?;
    let mut writer = Writer::new();
    writer.open("devices").ns(DEVICES);
    for device in devices {
        writer
            .open("device")
            .attr("id", &device.id.0.to_string())
            .attr("label", &device.label)
            .attr_opt("client", device.client.as_deref());
        writer.attr("created", &format::datetime::to_text(device.created.0));
        writer.attr("last-used", &format::datetime::to_text(device.last_used.0));
        if cx.session()?.device() == Some(device.id) {
            writer.attr("current", "true");
        }
        writer.close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

/// The result goes out before the sessions of that device end, which may be this one's.
async fn revoke(cx: Cx) -> Answered {
    let id = cx
        .payload()
        .attr("id")
        .and_then(|id| id.parse().ok())
        .map(DeviceId);
    let id = id.ok_or_else(StanzaError::bad_request)?;
    Answer::later(async move {
        let devices = cx.server.auth.devices(cx.no()).await.map_err(failed)?;
        if !devices.iter().any(|device| device.id == id) {
            return Err(StanzaError::item_not_found());
        }
        if cx.session()?.device() != Some(id) {
            cx.server
                .auth
                .revoke_device(&cx.server.registry, cx.no(), id)
                .await
                .map_err(failed)?;
            return Ok(Answer::Empty);
        }
        cx.server
            .store
            .write(store::devices::revoke(cx.no(), id))
            .await
            .map_err(|error| failed(error.into()))?;
        cx.server.auth.changed();
        Ok(Answer::EmptyThen(Box::pin(async move {
            // It is revoked already; what is left is to end its sessions, this one among them.
            for session in cx
                .server
                .registry
                .sessions(cx.no())
                .iter()
                .filter(|other| other.device() == Some(id))
            {
                session.bar("this device was signed out");
            }
        })))
    })
}
