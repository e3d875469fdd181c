//! Components: programs that answer for domains of their own (XEP-0114).

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::Config;

/// The shortest secret that is taken: whoever knows it speaks for everybody at the component's domain.
const SECRET_MIN: usize = 8;

/// A component that may connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The domain that it answers for.
    pub domain: String,
    /// What it and the server know; or `secret_file`.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub secret: Secret,
    /// A file that holds the secret alone.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub secret_file: PathBuf,
    /// What it is called among the services that clients list; not listed when empty.
    #[serde(default)]
    pub name: String,
    /// By whom the load is shared between its connections.
    #[serde(default)]
    pub share: Share,
    /// Its connections at a time.
    #[serde(default = "connections")]
    pub connections: usize,
    /// What may wait for one of its connections.
    #[serde(default = "queue_bytes")]
    pub queue_bytes: usize,
}

/// By whom the load is shared between a component's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// By the bare address of who sends.
    #[default]
    Sender,
    /// By the bare address at the component.
    Recipient,
}

/// A text that is not shown by mistake.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

fn connections() -> usize {
    8
}

fn queue_bytes() -> usize {
    8 << 20
}

impl Component {
    /// What the server takes for it; reads the secret's file.
    pub fn settings(&self) -> anyhow::Result<xmpp::settings::Component> {
        let secret = if is_empty(&self.secret_file) {
            self.secret.0.clone()
        } else {
            let text = std::fs::read_to_string(&self.secret_file)
                .with_context(|| format!("cannot read {}", self.secret_file.display()))?;
            text.trim().to_owned()
        };
        if secret.len() < SECRET_MIN {
            bail!(
                "the secret of the component {} has fewer than {SECRET_MIN} characters",
                self.domain
            );
        }
        Ok(xmpp::settings::Component {
            secret: xmpp::settings::Secret::new(&secret),
            share: match self.share {
                Share::Sender => xmpp::settings::Share::Sender,
                Share::Recipient => xmpp::settings::Share::Recipient,
            },
            connections: self.connections,
            queue_bytes: self.queue_bytes,
            name: Some(self.name.clone()).filter(|name| !name.is_empty()),
            ..xmpp::settings::Component::new(&self.domain, "")
        })
    }
}

/// What each component must be beyond its type; domains are brought into their one form.
pub(super) fn check(config: &mut Config) -> anyhow::Result<()> {
    let own: Vec<String> = config
        .domains
        .iter()
        .flat_map(|domain| [domain.clone(), format!("{}.{domain}", config.services.pubsub)])
        .collect();
    let mut seen = Vec::new();
    for component in &mut config.components {
        let domain = match wire::Jid::parse(&component.domain) {
            Ok(jid) if jid.as_str() == jid.domain() => jid.domain().to_owned(),
            _ => bail!("components: \"{}\" is not a domain name", component.domain),
        };
        if own.contains(&domain) {
            bail!("components: {domain} is this server's own; a component needs a domain of its own");
        }
        if seen.contains(&domain) {
            bail!("components: {domain} is named twice");
        }
        seen.push(domain.clone());
        component.domain = domain;
        let domain = &component.domain;
        if component.secret.is_empty() == is_empty(&component.secret_file) {
            bail!("components: {domain} needs secret or secret_file, one of the two");
        }
        if !component.secret.is_empty() && component.secret.0.len() < SECRET_MIN {
            bail!("components: the secret of {domain} has fewer than {SECRET_MIN} characters");
        }
        if !(1..=1_000).contains(&component.connections) {
            bail!("components: connections of {domain} must lie between 1 and 1000");
        }
        if !(65_536..=1 << 30).contains(&component.queue_bytes) {
            bail!("components: queue_bytes of {domain} must lie between 65536 and 1073741824");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn checked(text: &str) -> anyhow::Result<Config> {
        let mut config: Config = toml::from_str(text)?;
        check(&mut config)?;
        Ok(config)
    }

    #[test]
    fn a_component_needs_a_domain_and_a_secret_of_its_own() {
        let good = "[[components]]\ndomain = \"IRC.localhost\"\nsecret = \"long enough\"\n";
        let config = checked(good).unwrap();
        assert_eq!(config.components[0].domain, "irc.localhost");
        assert_eq!(config.components[0].settings().unwrap().connections, 8);
        assert!(!format!("{config:?}").contains("long enough"));
        for bad in [
            good.replace("IRC.localhost", "localhost"),
            good.replace("IRC.localhost", "pubsub.localhost"),
            good.replace("IRC.localhost", "me@irc.localhost"),
            good.replace("long enough", "short"),
            good.replace("secret =", "secret_file = \"x\"\nsecret ="),
            good.replace("secret = \"long enough\"", ""),
            good.replace("secret =", "connections = 0\nsecret ="),
            good.replace("secret =", "queue = 0\nsecret ="),
            good.repeat(2),
        ] {
            assert!(checked(&bad).is_err(), "{bad}");
        }
    }
}
