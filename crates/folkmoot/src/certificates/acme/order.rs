//! One order: an account, the challenges, a certificate ([RFC 8555 §7](https://www.rfc-editor.org/rfc/rfc8555#section-7)).

use std::time::Duration;

use anyhow::{Context, bail};
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};

use super::challenges::Challenges;
use super::names::Wanted;
use super::state::Folder;
use crate::config::{Challenge, Config};
use crate::outgoing::Outgoing;

/// How long an authority may take to look at the challenges, and again to issue.
const PATIENCE: Duration = Duration::from_secs(120);

/// A key and its certificate's chain, PEM.
pub struct Issued {
    /// The key.
    pub key: String,
    /// The chain, leaf first.
    pub chain: String,
}

/// The account that is kept, or a new one.
async fn account(config: &Config, folder: &Folder, client: &Outgoing) -> anyhow::Result<Account> {
    let builder = Account::builder_with_http(Box::new(client.clone()));
    if let Some(credentials) = folder.account().context("the kept account cannot be read")? {
        return builder
            .from_credentials(credentials)
            .await
            .context("the authority cannot be reached");
    }
    let contacts: Vec<&str> = config.acme.contacts.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contacts,
        terms_of_service_agreed: config.acme.agree_to_terms,
        only_return_existing: false,
    };
    let (account, credentials) = builder
        .create(&new, super::directory(config), None)
        .await
        .context("no account was made")?;
    folder.put_account(&credentials)?;
    tracing::info!(
        authority = super::directory(config),
        "made an account with the certificate authority"
    );
    Ok(account)
}

async fn order(
    config: &Config,
    folder: &Folder,
    client: &Outgoing,
    names: &[Identifier],
) -> anyhow::Result<Order> {
    let account = account(config, folder, client).await?;
    let order = account.new_order(&NewOrder::new(names)).await;
    order.context("the order was refused")
}

/// Whether the authority does not know the account that is kept (RFC 8555 §6.7).
fn is_unknown_account(error: &anyhow::Error) -> bool {
    const UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
    matches!(
        error.downcast_ref(),
        Some(instant_acme::Error::Api(problem)) if problem.r#type.as_deref() == Some(UNKNOWN)
    )
}

/// Gets one certificate.
pub async fn fetch(
    config: &Config,
    folder: &Folder,
    wanted: &Wanted,
    challenges: &Challenges,
) -> anyhow::Result<Issued> {
    let root = &config.acme.ca;
    let client = Outgoing::new((!root.as_os_str().is_empty()).then_some(root))?;
    let names: Vec<_> = wanted.names.iter().cloned().map(Identifier::Dns).collect();
    let mut order = match order(config, folder, &client, &names).await {
        Err(error) if is_unknown_account(&error) => {
            // An authority that was set up anew, or has removed what nobody used.
            folder.forget_account()?;
            order(config, folder, &client, &names).await
        }
        done => done,
    }?;
    // Shown as long as this function runs.
    let mut shown = challenges.begin();
    let kind = match config.acme.challenge {
        Challenge::Http01 => ChallengeType::Http01,
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.context("an authorization cannot be read")?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => bail!("an authorization is {other:?}"),
        }
        let name = authorization.identifier().to_string();
        let mut challenge = authorization
            .challenge(kind.clone())
            .with_context(|| format!("the authority does not offer acme.challenge for {name}"))?;
        let proof = challenge.key_authorization();
        match config.acme.challenge {
            Challenge::Http01 => shown.text(&challenge.token, proof.as_str()),
            Challenge::TlsAlpn01 => shown.certificate(&name, proof.digest().as_ref())?,
        }
        challenge.set_ready().await.context("the challenge was refused")?;
    }
    let policy = RetryPolicy::new().timeout(PATIENCE);
    let status = order.poll_ready(&policy).await.context("the order failed")?;
    if status != OrderStatus::Ready {
        bail!("{}", why(&mut order).await);
    }
    let key = rcgen::KeyPair::generate()?;
    let mut parameters = rcgen::CertificateParams::new(wanted.names.clone())?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let request = parameters.serialize_request(&key)?;
    order
        .finalize_csr(request.der())
        .await
        .context("the certificate was refused")?;
    let chain = order
        .poll_certificate(&policy)
        .await
        .context("no certificate came")?;
    Ok(Issued {
        key: key.serialize_pem(),
        chain,
    })
}

/// Which name was not proven, and what the authority saw.
async fn why(order: &mut Order) -> String {
    let mut told = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let failed = state
            .challenges
            .iter()
            .find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = failed {
            let detail = problem.detail.as_deref().unwrap_or("no reason was given");
            told.push(format!("the authority could not verify {name}: {detail}"));
        }
    }
    if told.is_empty() {
        "the authority did not accept the order".into()
    } else {
        told.join("; ")
    }
}
