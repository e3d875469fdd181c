//! The command line: what can be asked of the program.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Flags, parse_duration};

/// A social network that anyone can host: XMPP server, microblogs and web site in one program.
#[derive(Debug, Parser)]
#[command(name = "folkmoot", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Make and change accounts, whether the server runs or not
    Account {
        /// Which change.
        #[command(subcommand)]
        command: Account,
    },
    /// Print a link with which somebody can sign up
    Invite(Invite),
    /// Print what people reported with a block, or close a report
    Reports(Reports),
    /// Print the whole configuration with comments
    Config(Settings),
    /// Say what is wrong before the server is used
    Check(Check),
    /// Write database, certificates and configuration into one archive; the server may run meanwhile
    Backup(Backup),
    /// Lay the data folder anew from such an archive
    Restore(Backup),
    /// Print a script with which a shell completes commands and options
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write manual pages, for packages
    #[command(hide = true)]
    Manual {
        /// The folder for them
        folder: PathBuf,
    },
}

/// What every command takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Configuration file (default: ./folkmoot.toml, else /etc/folkmoot/folkmoot.toml, where they exist)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder that holds everything that matters (default: ./data)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Any other setting, in its name and value: --set ports.https=8443
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

/// `serve`, and what `check` shares with it.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub settings: Settings,
    /// Domain whose people live here; may be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// Address that every listener moves to, on the usual ports
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,
    /// Port of plain HTTP
    #[arg(long, value_name = "PORT")]
    pub http_port: Option<u16>,
    /// Serve the phones of this home network: domain HOST.local, private addresses, a certificate authority of its own
    #[arg(long)]
    pub lan: bool,
    /// For tests: sign-up open, no rate limits, sign-in without TLS; only on loopback
    #[arg(long)]
    pub dev: bool,
}

/// `reports`.
#[derive(Args, Clone, Debug)]
pub struct Reports {
    /// Delete the report of this number, and the messages in it: it was dealt with
    #[arg(long, value_name = "NUMBER")]
    pub close: Option<i64>,
    #[command(flatten)]
    pub settings: Settings,
}

/// `check`.
#[derive(Args, Clone, Debug)]
pub struct Check {
    #[command(flatten)]
    pub serve: Serve,
    /// Look at the server as others see it: DNS, ports, certificates, clock; prints the records wanted
    #[arg(long)]
    pub online: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
    /// Name server to ask, instead of this machine's
    #[arg(long, value_name = "IP:PORT", requires = "online")]
    pub dns: Option<SocketAddr>,
    /// Address by which others reach this machine, where it is behind a router; may be repeated
    #[arg(long = "address", value_name = "IP", requires = "online")]
    pub addresses: Vec<IpAddr>,
}

/// Changes to accounts.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Make an account
    Add {
        /// NAME@DOMAIN
        address: String,
        /// Let it administer this server
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        settings: Settings,
    },
    /// Give an account a new password; its devices are signed out
    Passwd {
        /// NAME@DOMAIN
        address: String,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        settings: Settings,
    },
    /// List all accounts
    List(Settings),
    /// Keep an account from signing in
    Disable(OneAccount),
    /// Let it sign in again
    Enable(OneAccount),
    /// Let in somebody who waits for approval
    Approve(OneAccount),
    /// Delete an account and all it wrote; its name is never given again
    Delete(OneAccount),
}

/// A command about one account.
#[derive(Args, Debug)]
pub struct OneAccount {
    /// NAME@DOMAIN
    pub address: String,
    #[command(flatten)]
    pub settings: Settings,
}

/// Where a password comes from; never the command line, which other users of the machine can read.
#[derive(Args, Debug)]
pub struct Password {
    /// Read the password from standard input (its first line) instead of asking
    #[arg(long)]
    pub password_stdin: bool,
}

/// `invite`.
#[derive(Args, Debug)]
pub struct Invite {
    /// Invite in this account's name: whoever comes becomes its contact, and they follow each other
    #[arg(long, value_name = "NAME@DOMAIN")]
    pub from: Option<String>,
    /// Make an account and no contact
    #[arg(long)]
    pub account_only: bool,
    /// The only name that the new account may have; it is kept until the link expires
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How many people may use the link
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub uses: u32,
    /// How long it is good for: 90s, 30m, 12h, 7d, 2w
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    pub expires: Duration,
    /// Draw the link's QR code even where the output is no terminal
    #[arg(long)]
    pub qr: bool,
    /// The domain of the new accounts (default: the inviter's, else the first)
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    #[command(flatten)]
    pub settings: Settings,
}

/// `backup` and `restore`.
#[derive(Args, Debug)]
pub struct Backup {
    /// The archive
    pub file: PathBuf,
    #[command(flatten)]
    pub settings: Settings,
}

impl Settings {
    /// As the configuration wants them.
    pub fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            data: self.data.clone(),
            set: self.set.clone(),
            ..Flags::default()
        }
    }
}

impl Serve {
    /// As the configuration wants them.
    pub fn flags(&self) -> Flags {
        Flags {
            domains: self.domains.clone(),
            bind: self.bind,
            http_port: self.http_port,
            lan: self.lan,
            ..self.settings.flags()
        }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a number and a unit: 90s, 30m, 12h, 7d, 2w".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
