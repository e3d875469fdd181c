//! Writes a configuration as a `folkmoot.toml` in which every key has its comment.

use std::fmt::Write;

use super::Config;
use super::load::environment_name;

/// What each key means, in the order of the file. A test holds it complete.
const COMMENTS: &[(&str, &str)] = &[
    (
        "domains",
        "The domains whose people live here. The first is the one that the web site speaks for.",
    ),
    (
        "data",
        "The folder that holds everything that matters: database, certificates, sockets.\nA relative path starts at the working directory.",
    ),
    (
        "site_url",
        "Where people reach the web site, for links in posts and pages: \"https://social.example.org\".\nEmpty: made from the first domain and the HTTPS port (for localhost: the HTTP port).",
    ),
    (
        "bind",
        "Addresses to listen on. Empty: only this machine when the only domain is localhost, else every address.",
    ),
    (
        "lan",
        "Serve a home network, as --lan does: the domain is this machine's name with .local unless another is named, only\nprivate addresses are listened on unless bind names others, and certificates come from an authority made here.",
    ),
    (
        "public_addresses",
        "Addresses under which everybody reaches this server, such as \"192.0.2.1\". With them clients need no records of the\nDNS: host-meta tells them where to connect (XEP-0487), by the numbers of ports that stand here.",
    ),
    (
        "trusted_proxies",
        "Networks of reverse proxies, such as \"10.0.0.0/8\": from these, X-Forwarded-For and X-Forwarded-Proto count.",
    ),
    (
        "websocket_origins",
        "Web sites whose pages may open the WebSocket and sessions over HTTP (BOSH), such as \"https://chat.example.org\"; \"*\" is any.\nA server for localhost only accepts pages of localhost, whatever stands here.",
    ),
    ("metrics_allow", "Networks that may read /metrics."),
    (
        "log",
        "What is logged: a level (error, warn, info, debug), or filters by module such as \"info,xmpp=debug\".",
    ),
    (
        "tell_os",
        "Whether whoever asks for the software's version (XEP-0092) is told the operating system too.",
    ),
    (
        "server_information",
        "Whether the server publishes its domains and software, for maps of the network (XEP-0485), and may be named there.",
    ),
    (
        "public_stream",
        "Who may read the public stream, tags and what is found by words: \"everyone\" (on the web too), \"accounts\" (those\nof this server) or \"nobody\". Each account chooses besides whether its posts are there.",
    ),
    (
        "components_bind",
        "Addresses that components connect to. Empty: only this machine, for what they say is not encrypted.",
    ),
    (
        "components",
        "Programs that answer for domains of their own (XEP-0114): for each, domain and secret (or secret_file), and perhaps\nname, share, connections and queue_bytes. In a file each is a table [[components]].",
    ),
    (
        "ports.xmpp",
        "XMPP with STARTTLS. A port is a number, 0 for any free one, or \"off\".",
    ),
    ("ports.xmpp_tls", "XMPP with TLS from the first byte."),
    (
        "ports.http",
        "Plain HTTP: pages and the WebSocket, for localhost and for a reverse proxy.",
    ),
    (
        "ports.https",
        "HTTPS: the same with the server's own certificate.",
    ),
    (
        "ports.components",
        "Where components connect, if any are configured.",
    ),
    (
        "ports.proxy_protocol",
        "Listeners on which every connection begins with the PROXY protocol's header, versions 1 and 2: [\"xmpp\", \"xmpp_tls\"].\nOnly trusted_proxies may connect there.",
    ),
    (
        "services.pubsub",
        "The service with tags and the public stream is this name before each domain, with a dot.",
    ),
    (
        "nodes.creators",
        "Who may create nodes on the pubsub service (communities, feeds of groups): \"everybody\", \"admins\" or \"nobody\".\nWhat is there stays. People's own nodes, comments and tags are not concerned.",
    ),
    (
        "nodes.strangers",
        "Whether people of other servers may create them too, where everybody here may.",
    ),
    (
        "contacts.abuse",
        "Whom to write to about the service, as URIs: [\"mailto:abuse@example.org\", \"xmpp:abuse@example.org\"].\nClients show them (XEP-0157). Here: reports of abuse.",
    ),
    ("contacts.admin", "The administrators."),
    ("contacts.support", "Help."),
    ("contacts.security", "Reports of security problems."),
    ("contacts.feedback", "Praise and complaints."),
    ("contacts.sales", "Sales."),
    (
        "registration.policy",
        "Who may sign up: \"open\", \"approval\" (an administrator agrees first), \"invite\" (who has a link), \"closed\".\n\"auto\" is open when the only domain is localhost, else invite.",
    ),
    (
        "registration.invites",
        "Whose invitations make accounts: \"everybody\" or \"admins\". All can invite people to become their contacts.",
    ),
    (
        "registration.invite_days",
        "How many days a person's invitation lasts unless it says otherwise.",
    ),
    (
        "registration.proof_of_work_bits",
        "Bits of proof of work (XEP-0158) that an open sign-up must show; 0 asks for none.\n20 costs a browser about a second. Set it before you open sign-up on a public address.",
    ),
    (
        "registration.per_address_per_hour",
        "Sign-ups from one network address in an hour; without limit when the only domain is localhost.",
    ),
    (
        "registration.reserved_names",
        "Names that nobody can register, besides admin, root, postmaster and the like.",
    ),
    (
        "registration.audience",
        "Who reads a new account's posts unless it chooses otherwise: \"open\" (everybody) or \"presence\" (contacts).",
    ),
    (
        "tls.certificate",
        "The certificate and its chain, PEM, or a list of several: a client is shown the one that names what it asks for.\nSend SIGHUP after renewing: nobody is disconnected. A domain that has none, here or by acme, is shown a self-signed\none, good for development only.",
    ),
    (
        "tls.key",
        "The certificate's private key, PEM, or a list in the same order.",
    ),
    (
        "acme.enabled",
        "Whether to fetch certificates from an authority, for the domains that no file above is for, and renew them.",
    ),
    (
        "acme.agree_to_terms",
        "Your agreement to the authority's terms of service; nothing is fetched without it.",
    ),
    (
        "acme.challenge",
        "How you show that a name is yours: \"http-01\" (others reach ports.http as port 80) or \"tls-alpn-01\"\n(others reach ports.https as port 443).",
    ),
    (
        "acme.staging",
        "Let's Encrypt's staging authority, to try things out: no client trusts its certificates, no limit hurts.",
    ),
    (
        "acme.directory",
        "Another authority's directory, such as \"https://ca.example.org/acme/directory\". Empty: Let's Encrypt.",
    ),
    (
        "acme.ca",
        "For an authority of your own: the certificate that its web server's certificate is verified with, PEM.",
    ),
    (
        "acme.contacts",
        "Whom the authority may write to: [\"mailto:admin@example.org\"].",
    ),
    (
        "acme.names",
        "Names that the first certificate is for, beside the domain and the site's host.",
    ),
    (
        "acme.services",
        "Whether certificates are for the services' names too (services.pubsub). Each then needs an address in the DNS.",
    ),
    (
        "passwords.scram_rounds",
        "Rounds of hashing for a new password. More is slower to guess, and slower to sign in.",
    ),
    (
        "archive.default",
        "Whose messages are archived, so that each of a person's devices has them: \"always\" (everybody's), \"roster\"\n(those of contacts) or \"never\". People can choose otherwise for their own.",
    ),
    (
        "archive.keep_days",
        "After how many days messages are deleted from archives; 0 is never. People can choose a shorter time for theirs.",
    ),
    (
        "push.summary",
        "What the servers of phones' apps are told when something comes for somebody who does not look (XEP-0357): \"nothing\"\n(only that it came), \"count\" (how many messages wait), \"sender\" (who wrote the last too) or \"text\" (what it says too,\nwhere it is not encrypted). They are in others' hands.",
    ),
    (
        "push.browsers",
        "Whether people may have their browsers told, through the push services of the browsers' makers. What is told is\nencrypted for the browser.",
    ),
    ("limits.stanza_bytes", "The longest stanza."),
    (
        "limits.stanza_bytes_before_sign_in",
        "The longest stanza of somebody who has not signed in.",
    ),
    (
        "limits.sign_in_seconds",
        "How long a connection may take to sign in.",
    ),
    (
        "limits.sign_in_attempts",
        "Failed attempts to sign in before a connection is closed.",
    ),
    (
        "limits.failed_sign_ins_per_address_per_hour",
        "Failed sign-ins from one network address in an hour.",
    ),
    (
        "limits.failed_sign_ins_per_account_per_hour",
        "Failed sign-ins to one account in an hour.",
    ),
    (
        "limits.close_seconds",
        "How long a client may take to close its side of a stream.",
    ),
    (
        "limits.mailbox_soft_bytes",
        "When this much waits for a session that reads too slowly, nothing more is read from it.",
    ),
    (
        "limits.mailbox_hard_bytes",
        "When this much waits for a session, its connection is closed. A session that can be resumed takes as much again while\nit waits for its client.",
    ),
    (
        "limits.session_bytes_per_second",
        "What one session may send, ten times as much in a burst; beyond it the server reads more slowly.",
    ),
    (
        "limits.session_stanzas_per_second",
        "Stanzas that one session may send, ten times as many in a burst; beyond it the server reads more slowly.",
    ),
    (
        "limits.flood_seconds",
        "How long a session may keep at its rate without a rest before it is closed as a flood.",
    ),
    (
        "limits.sessions_per_account",
        "Sessions that one account may have at a time.",
    ),
    (
        "limits.resume_seconds",
        "How long a session waits for its client to come back after it lost the connection (XEP-0198), and takes messages\nmeanwhile; 0: not at all.",
    ),
    (
        "limits.waiting_sessions_per_account",
        "Sessions of one account that wait so at a time; the one that would end first makes way.",
    ),
    (
        "limits.waiting_sessions",
        "Sessions that wait so in all; the one that would end first makes way.",
    ),
    (
        "limits.invites_per_account",
        "For how many people one account may have invitations open at a time; administrators have no such bound.",
    ),
    (
        "limits.devices_per_account",
        "Devices that one account may keep signed in.",
    ),
    (
        "limits.device_days",
        "How long a device stays signed in without being used.",
    ),
    (
        "limits.push_endpoints_per_account",
        "Apps on a person's phones that may be pushed to through their XMPP app (UnifiedPush); 0 turns it off.",
    ),
    (
        "limits.connections_per_address",
        "Connections from one network address at a time.",
    ),
    ("limits.http_connections", "HTTP connections at a time."),
    (
        "limits.bosh_sessions",
        "XMPP sessions over HTTP (BOSH) at a time; 0 turns them off.",
    ),
    (
        "limits.http_requests_per_minute",
        "HTTP requests of one network address in a minute; beyond it the answer is 429.",
    ),
    ("limits.http_body_bytes", "The largest body of an HTTP request."),
    ("limits.http_seconds", "How long an HTTP request may take."),
    (
        "limits.shutdown_seconds",
        "How long stopping may take before what is left is cut.",
    ),
    ("store.readers", "Threads that read from the database."),
];

/// The whole configuration as commented TOML; it reads back as the same.
pub fn render(config: &Config) -> anyhow::Result<String> {
    let values = toml::Value::try_from(config)?;
    let mut out = String::from(
        "# Folkmoot's configuration: every key with the value in force.\n\
         # Keep what you change in folkmoot.toml; what is left out has its default.\n\
         # Each key can also be set in the environment under the name in brackets.\n",
    );
    let mut section = "";
    for (key, comment) in COMMENTS {
        let (table, name) = key.split_once('.').unwrap_or(("", key));
        if table != section {
            write!(out, "\n[{table}]\n")?;
            section = table;
        }
        let holder = if table.is_empty() {
            Some(&values)
        } else {
            values.get(table)
        };
        let Some(value) = holder.and_then(|holder| holder.get(name)) else {
            anyhow::bail!("the key {key} has a comment but no value");
        };
        out.push('\n');
        for line in comment.lines() {
            writeln!(out, "# {line}")?;
        }
        writeln!(out, "# [{}]\n{name} = {value}", environment_name(key))?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::load::known_keys;
    use super::*;

    #[test]
    fn every_key_has_a_comment() {
        let mut commented: Vec<_> = COMMENTS.iter().map(|(key, _)| (*key).to_owned()).collect();
        let mut known = known_keys();
        commented.sort();
        known.sort();
        assert_eq!(commented, known);
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let text = render(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        let mut other = Config {
            domains: vec!["a.example".into(), "b.example".into()],
            ..Config::default()
        };
        other.ports.https = super::super::Port::Off;
        other.bind = vec!["::1".parse().unwrap()];
        other.site_url = "https://quote\"d.example".into();
        assert_eq!(toml::from_str::<Config>(&render(&other).unwrap()).unwrap(), other);
    }
}
