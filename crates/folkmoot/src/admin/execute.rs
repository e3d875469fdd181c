//! Carries out an administrator's request on this process's server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use store::WriteError;
use store::accounts::{Account, AccountState};
use store::invites::{self, InviteKind};
use wire::BareJid;
use xmpp::auth::accounts::{Authority, NewAccount};
use xmpp::invitations::Wish;
use xmpp::reports;
use xmpp::settings::Registration;

use super::{Change, Invite, Listed, PAGE, REPORTED_BYTES, REPORTS_PAGE, Reply, Reported, Request};
use crate::archive::SNAPSHOTS;
use crate::config::in_words;
use crate::files;
use crate::house::House;

/// How long the first administrator's link is good for.
const ADMIN_LINK: Duration = Duration::from_secs(7 * 86_400);

/// Carries out a request; what fails is told in one line.
pub async fn execute(house: &Arc<House>, request: Request) -> Reply {
    match carry_out(house, request).await {
        Ok(reply) => reply,
        Err(error) => Reply::Refused {
            reason: format!("{error:#}"),
        },
    }
}

async fn carry_out(house: &Arc<House>, request: Request) -> anyhow::Result<Reply> {
    let server = &house.server;
    let done = |line: String| Ok(Reply::Done { line });
    match request {
        Request::AccountAdd {
            address,
            password,
            admin,
        } => {
            let jid = local_address(house, &address)?;
            let new = NewAccount {
                domain: jid.domain(),
                name: jid.node().unwrap_or_default(),
                password: &password,
                audience: None,
            };
            let authority = Authority::Operator { is_admin: admin };
            let registered = server.register(authority, new).await?;
            done(format!(
                "{} can sign in{}",
                registered.jid,
                if admin { " and administers this server" } else { "" }
            ))
        }
        Request::AccountPasswd { address, password } => {
            let (jid, account) = find(house, &address).await?;
            server
                .auth
                .set_password(&server.registry, account.no, &password, None)
                .await?;
            done(format!(
                "{jid} has a new password; its devices must sign in again"
            ))
        }
        Request::AccountList { after } => list(house, after).await,
        Request::AccountChange { address, change } => {
            let (jid, account) = find(house, &address).await?;
            change_account(house, &jid, &account, change).await
        }
        Request::Invite(wanted) => invite(house, wanted).await,
        Request::Reports { before } => reports(house, before).await,
        Request::ReportClose { number } => match server.store.write(store::reports::close(number)).await {
            Ok(_) => done(format!("report {number} is closed")),
            Err(WriteError::NotFound) => bail!("there is no report {number}"),
            Err(error) => Err(error.into()),
        },
        Request::Snapshot => snapshot(house).await,
    }
}

/// Makes an invitation, the operator's own or in somebody's name.
async fn invite(house: &Arc<House>, wanted: Invite) -> anyhow::Result<Reply> {
    let server = &house.server;
    if server.settings.registration == Registration::Closed {
        bail!("nobody can sign up here: set registration.policy to \"invite\" first");
    }
    let by = match &wanted.from {
        Some(from) => {
            let (jid, account) = find(house, from).await?;
            if account.state != AccountState::Active {
                bail!("{jid} cannot sign in, so nobody can be invited in their name");
            }
            Some((account.no, jid))
        }
        None => None,
    };
    let domain = match (&wanted.domain, &by) {
        (Some(domain), _) => domain.clone(),
        (None, Some((_, jid))) => jid.domain().to_owned(),
        (None, None) => house.config.domain().to_owned(),
    };
    if !server.settings.is_local_domain(&domain) {
        bail!(
            "{domain} is not a domain of this server: it serves {}",
            house.config.domains.join(", ")
        );
    }
    let localpart = match &wanted.name {
        None => None,
        Some(_) if wanted.uses > 1 => bail!("--name is for one person: leave --uses out"),
        Some(name) => {
            let jid = local_address(house, &format!("{name}@{domain}"))?;
            jid.node().map(str::to_owned)
        }
    };
    let wish = Wish {
        kind: if by.is_some() && !wanted.account_only {
            InviteKind::Contact
        } else {
            InviteKind::Account
        },
        by,
        domain,
        localpart,
        uses: wanted.uses,
        lifetime_ms: i64::try_from(wanted.seconds.saturating_mul(1_000)).context("that is too long")?,
    };
    let made = server.invite(wish).await?;
    Ok(Reply::Link {
        url: made.landing,
        uri: made.uri,
    })
}

async fn change_account(
    house: &Arc<House>,
    jid: &BareJid,
    account: &Account,
    change: Change,
) -> anyhow::Result<Reply> {
    let auth = &house.server.auth;
    let done = |line: String| Ok(Reply::Done { line });
    match (change, account.state) {
        (_, AccountState::Deleting) => bail!("{jid} is being deleted"),
        (Change::Disable, AccountState::Disabled) => done(format!("{jid} was disabled already")),
        (Change::Disable, _) => {
            auth.disable(&house.server.registry, account.no).await?;
            done(format!("{jid} cannot sign in any more"))
        }
        (Change::Enable | Change::Approve, AccountState::Active) => {
            done(format!("{jid} can sign in already"))
        }
        (Change::Enable, AccountState::Pending) => {
            bail!("{jid} waits for approval: folkmoot account approve {jid}")
        }
        (Change::Approve, AccountState::Disabled) => {
            bail!("{jid} is disabled: folkmoot account enable {jid}")
        }
        (Change::Enable | Change::Approve, _) => {
            auth.enable(account.no).await?;
            done(format!("{jid} can sign in"))
        }
        (Change::Delete, _) => {
            auth.begin_deletion(&house.server.registry, account.no).await?;
            house.server.finish_deletion(account.no, jid.clone());
            done(format!("{jid} is being deleted; its name is never given again"))
        }
    }
}

/// An address that belongs to one of our domains.
fn local_address(house: &House, address: &str) -> anyhow::Result<BareJid> {
    let Ok(jid) = BareJid::parse(address) else {
        bail!("\"{address}\" is not an address: write NAME@DOMAIN")
    };
    if jid.node().is_none() {
        bail!("\"{address}\" names no person: write NAME@DOMAIN");
    }
    if !house.server.settings.is_local_domain(jid.domain()) {
        bail!(
            "{} is not a domain of this server: it serves {} (--config, or --set domains=…)",
            jid.domain(),
            house.config.domains.join(", ")
        );
    }
    Ok(jid)
}

async fn find(house: &House, address: &str) -> anyhow::Result<(BareJid, Account)> {
    let jid = local_address(house, address)?;
    let (domain, name) = (jid.domain().to_owned(), jid.node().unwrap_or_default().to_owned());
    let account = house
        .server
        .store
        .read(move |reader| reader.account_named(&domain, &name))
        .await?;
    let account = account.with_context(|| format!("there is no account {jid}"))?;
    Ok((jid, account))
}

/// One page of accounts: of the domain that the last page ended in, then of the next.
async fn list(house: &House, after: Option<(String, String)>) -> anyhow::Result<Reply> {
    let domains = &house.server.settings.domains;
    let (domain, name) = after.unwrap_or_else(|| (house.config.domain().to_owned(), String::new()));
    let place = domains
        .iter()
        .position(|known| *known == domain)
        .context("no such domain")?;
    let asked = domain.clone();
    let page = house
        .server
        .store
        .read(move |reader| reader.accounts(&asked, &name, PAGE))
        .await?;
    let next = if page.len() == PAGE as usize {
        page.last().map(|account| (domain, account.localpart.clone()))
    } else {
        domains.get(place + 1).map(|next| (next.clone(), String::new()))
    };
    let accounts = page.into_iter().map(|account| Listed {
        address: format!("{}@{}", account.localpart, account.domain),
        state: match account.state {
            AccountState::Active => "active",
            AccountState::Pending => "pending",
            AccountState::Disabled => "disabled",
            AccountState::Deleting => "deleting",
        }
        .into(),
        admin: account.is_admin,
        created: account.created.0,
        last_login: account.last_login.map(|at| at.0),
    });
    Ok(Reply::Accounts {
        accounts: accounts.collect(),
        next,
    })
}

/// One page of reports.
async fn reports(house: &House, before: Option<i64>) -> anyhow::Result<Reply> {
    let store = &house.server.store;
    let page = store
        .read(move |reader| reader.reports(before, REPORTS_PAGE))
        .await?;
    let reports = page.into_iter().map(|report| Reported {
        number: report.id,
        created: report.created.0,
        reporter: report.reporter,
        reported: report.reported,
        reason: reports::reason_name(&report.reason).to_owned(),
        text: report.text,
        messages: report
            .messages
            .iter()
            .map(|stanza| reports::said(stanza, REPORTED_BYTES))
            .collect(),
    });
    Ok(Reply::Reports {
        reports: reports.collect(),
    })
}

/// Copies the database beside itself; whoever asked takes the copy away.
async fn snapshot(house: &House) -> anyhow::Result<Reply> {
    let folder = house.config.data.join(SNAPSHOTS);
    files::make_private_folder(&folder)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
    let name = format!("{SNAPSHOTS}/{:016x}.db", u64::from_le_bytes(random));
    house.server.store.backup(&house.config.data.join(&name)).await?;
    Ok(Reply::Snapshot { file: name })
}

/// The link that makes the first administrator, and how long it is good for; `None` when there is one.
///
/// Links of earlier starts end here, so that only the one last shown is good.
///
/// `base` is where the site is for whoever starts the server, if that is not where it is for everybody.
pub async fn admin_link(house: &House, base: Option<&str>) -> anyhow::Result<Option<(String, String)>> {
    let server = &house.server;
    let now = server.clock.now();
    let (has_admin, open) = server
        .store
        .read(move |reader| Ok((reader.has_admin()?, reader.invites(None, now)?)))
        .await?;
    for invite in open.into_iter().filter(|invite| invite.kind == InviteKind::Admin) {
        server.store.write(invites::revoke(invite.token_hash)).await?;
    }
    if has_admin {
        return Ok(None);
    }
    let lifetime = i64::try_from(ADMIN_LINK.as_millis())?;
    let wish = Wish {
        kind: InviteKind::Admin,
        by: None,
        domain: house.config.domain().to_owned(),
        localpart: None,
        uses: 1,
        lifetime_ms: lifetime,
    };
    let token = server.invite(wish).await?.token;
    Ok(Some((
        format!("{}/welcome/{token}", base.unwrap_or(&server.settings.site_url)),
        in_words(ADMIN_LINK),
    )))
}
