//! Administration: what can be asked, over a Unix socket of the running server or, when none
//! runs, of the data folder itself. Both ways end in the same [`execute`](crate::admin::execute()).
//!
//! Whoever can open the socket (its owner, and root) may ask for anything; there is no further proof.

mod client;
mod execute;
mod server;

use serde::{Deserialize, Serialize};

pub use client::ask;
pub use execute::{admin_link, execute};
pub use server::{SOCKET, serve, socket_is_answered};

/// The longest line either way; a page of accounts is far shorter.
const LINE_BYTES: usize = 256 * 1024;
/// Reports told at a time.
const REPORTS_PAGE: u32 = 10;
/// Of a report's messages, the most that is told of each; in bytes.
const REPORTED_BYTES: usize = 1_000;
/// Accounts told at a time.
const PAGE: u32 = 200;

/// One request; a line of JSON on the socket.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Makes an account.
    AccountAdd {
        /// NAME@DOMAIN
        address: String,
        /// Its password.
        password: String,
        /// Whether it administers the server.
        admin: bool,
    },
    /// Changes a password.
    AccountPasswd {
        /// NAME@DOMAIN
        address: String,
        /// The new password.
        password: String,
    },
    /// Tells one page of accounts.
    AccountList {
        /// Where the last page ended: domain and name.
        after: Option<(String, String)>,
    },
    /// Changes what an account may do.
    AccountChange {
        /// NAME@DOMAIN
        address: String,
        /// To what.
        change: Change,
    },
    /// Makes an invitation.
    Invite(Invite),
    /// Tells one page of reports.
    Reports {
        /// The number of the last one told.
        before: Option<i64>,
    },
    /// Deletes a report that was dealt with.
    ReportClose {
        /// Its number.
        number: i64,
    },
    /// Copies the database into a file of the data folder.
    Snapshot,
}

/// An invitation that is wanted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// In whose name, NAME@DOMAIN: the newcomer and they become contacts; `None`: the operator's own.
    pub from: Option<String>,
    /// Whether it makes accounts without contacts.
    pub account_only: bool,
    /// The only name that the account may have.
    pub name: Option<String>,
    /// How many may use it.
    pub uses: u32,
    /// How long it is good for.
    pub seconds: u64,
    /// For which domain; `None`: the inviter's, else the first.
    pub domain: Option<String>,
}

/// What an account may do from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Not sign in.
    Disable,
    /// Sign in again.
    Enable,
    /// Sign in for the first time.
    Approve,
    /// Nothing any more: it goes, with all it wrote.
    Delete,
}

/// One answer; a line of JSON on the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Reply {
    /// Done; one line for the person.
    Done {
        /// What was done.
        line: String,
    },
    /// A page of accounts.
    Accounts {
        /// In order of their names.
        accounts: Vec<Listed>,
        /// What to ask for next; `None` at the end.
        next: Option<(String, String)>,
    },
    /// A page of reports, the newest first.
    Reports {
        /// As people made them.
        reports: Vec<Reported>,
    },
    /// A link that makes an account.
    Link {
        /// The link.
        url: String,
        /// The same for XMPP apps.
        uri: String,
    },
    /// A copy of the database.
    Snapshot {
        /// Its name, below the data folder.
        file: String,
    },
    /// Not done; one line that says why.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A report in a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reported {
    /// By which it is closed.
    pub number: i64,
    /// When it came, Unix milliseconds.
    pub created: i64,
    /// Who reports; none once that account is deleted.
    pub reporter: Option<String>,
    /// The address that was blocked.
    pub reported: String,
    /// `spam`, `abuse`, or a URI.
    pub reason: String,
    /// What the reporter says of it.
    pub text: String,
    /// What the reported messages say; XML where that is nothing that can be read.
    pub messages: Vec<String>,
}

/// An account in a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    /// NAME@DOMAIN
    pub address: String,
    /// `active`, `pending`, `disabled` or `deleting`.
    pub state: String,
    /// Whether it administers the server.
    pub admin: bool,
    /// When it was made, Unix milliseconds.
    pub created: i64,
    /// When somebody last signed in.
    pub last_login: Option<i64>,
}
