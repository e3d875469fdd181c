//! Folkmoot: the program. Configuration, wiring, start and stop, administration.
//!
//! What the server does is in the crates that this one puts together.

mod admin;
mod archive;
mod certificates;
mod check;
mod cli;
mod config;
mod doors;
mod files;
mod house;
mod lan;
mod limits;
mod listeners;
mod manual;
mod outgoing;
mod passwords;
mod push;
mod reports;
#[cfg(test)]
mod scratch;
mod serve;
mod service;
mod settings;
mod token_key;
mod upgrades;
mod web;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use http_site::qr;
use tracing_subscriber::EnvFilter;

use crate::admin::{Change, Reply, Request};
use crate::cli::{Account, Cli, Command, OneAccount, Password};
use crate::config::{Config, Policy, in_words, load, render};
use crate::house::Mode;
use crate::web::websocket::Origins;

// How it is tuned stands in .cargo/config.toml: its settings are read before `main`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Tasks that a worker runs from its own queue before it looks at what other threads have woken.
const GLOBAL_QUEUE_INTERVAL: u32 = 8;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // One line: what is wrong and, where the error knows it, what to do.
            let line = format!("{error:#}").replace('\n', " ");
            let _ = writeln!(std::io::stderr(), "folkmoot: {line}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(options) => {
            let mut config = load(&options.flags())?;
            start_log(&config)?;
            let files = limits::raise_open_files();
            let mode = if options.dev {
                Mode::Development
            } else {
                Mode::Usual
            };
            if options.dev {
                for_tests(&mut config);
            }
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                // A commit wakes its publisher from the store's thread, through the queue that all workers share: in the
                // midst of a fan-out it is looked at after so many sessions, not after ten times as many.
                .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
                .build()
                .context("cannot start")?;
            runtime.block_on(serve::serve(config, mode, files))?;
            // What hashing or reading is still under way has nobody to tell.
            runtime.shutdown_background();
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(options) => look(&options),
        Command::Config(options) => {
            let text = render(&load(&options.flags())?)?;
            say(text.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore(options) => {
            let config = load(&options.settings.flags())?;
            say(&archive::restore(&config.data, &options.file)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup(options) => {
            let config = load(&options.settings.flags())?;
            quietly(&config)?.block_on(async {
                let line = archive::backup(&config, &options.file).await?;
                say(&line)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Invite(options) => {
            let config = load(&options.settings.flags())?;
            let expires = in_words(options.expires);
            let uses = options.uses;
            let is_drawn = options.qr || std::io::stdout().is_terminal();
            let request = Request::Invite(admin::Invite {
                from: options.from,
                account_only: options.account_only,
                name: options.name,
                uses,
                seconds: options.expires.as_secs(),
                domain: options.domain,
            });
            put(&config, request, |reply| match reply {
                Reply::Link { url, uri } => {
                    let code = if is_drawn {
                        qr::for_terminal(&url)?
                    } else {
                        String::new()
                    };
                    let people = people(uses);
                    Some(format!("{url}\n{uri}\n{code}good for {people} within {expires}"))
                }
                _ => None,
            })
        }
        Command::Reports(options) => {
            let config = load(&options.settings.flags())?;
            match options.close {
                Some(number) => put(&config, Request::ReportClose { number }, done),
                None => reports::print(&config),
            }
        }
        Command::Account { command } => account(command),
        Command::Completions { shell } => {
            let script = manual::completions(shell);
            std::io::stdout()
                .write_all(&script)
                .context("cannot write to standard output")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Manual { folder } => {
            manual::write_pages(&folder)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Says what is wrong; the exit status tells whether the server could work.
fn look(options: &cli::Check) -> anyhow::Result<ExitCode> {
    let config = load(&options.serve.flags())?;
    let mode = if options.serve.dev {
        Mode::Development
    } else {
        Mode::Usual
    };
    let mut records = Vec::new();
    let mut findings = check::check(&config, mode);
    if options.online {
        let seen = check::online::Options {
            dns: options.dns,
            addresses: options.addresses.clone(),
        };
        let report = quietly(&config)?.block_on(check::online::check(&config, &seen))?;
        // That its ports are taken by itself is what this is about.
        findings.retain(|finding| !finding.what.ends_with("its ports were not checked"));
        findings.extend(report.findings);
        records = report.records;
    }
    let is_usable = findings.iter().all(|finding| !finding.is_error());
    if options.json {
        say(
            &serde_json::json!({ "usable": is_usable, "records": records, "findings": findings }).to_string(),
        )?;
    } else {
        for line in &records {
            say(line)?;
        }
        if !records.is_empty() {
            say("")?;
        }
        for finding in &findings {
            say(&finding.to_string())?;
        }
        if findings.is_empty() {
            say("nothing wrong was found")?;
        }
    }
    Ok(if is_usable {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What `--dev` means for the configuration: open sign-up, and loopback where no address is named.
fn for_tests(config: &mut Config) {
    config.registration.policy = Policy::Open;
    if config.bind.is_empty() {
        config.bind = listeners::loopback();
    }
}

fn account(command: Account) -> anyhow::Result<ExitCode> {
    match command {
        Account::Add {
            address,
            admin,
            password,
            settings,
        } => {
            let config = load(&settings.flags())?;
            let password = read_password(&password)?;
            put(
                &config,
                Request::AccountAdd {
                    address,
                    password,
                    admin,
                },
                done,
            )
        }
        Account::Passwd {
            address,
            password,
            settings,
        } => {
            let config = load(&settings.flags())?;
            let password = read_password(&password)?;
            put(&config, Request::AccountPasswd { address, password }, done)
        }
        Account::List(settings) => list(&load(&settings.flags())?),
        Account::Disable(one) => change(&one, Change::Disable),
        Account::Enable(one) => change(&one, Change::Enable),
        Account::Approve(one) => change(&one, Change::Approve),
        Account::Delete(one) => change(&one, Change::Delete),
    }
}

fn change(one: &OneAccount, change: Change) -> anyhow::Result<ExitCode> {
    let config = load(&one.settings.flags())?;
    put(
        &config,
        Request::AccountChange {
            address: one.address.clone(),
            change,
        },
        done,
    )
}

fn read_password(from: &Password) -> anyhow::Result<String> {
    if from.password_stdin {
        passwords::from_stdin()
    } else {
        passwords::ask()
    }
}

fn done(reply: Reply) -> Option<String> {
    match reply {
        Reply::Done { line } => Some(line),
        _ => None,
    }
}

/// Puts one request to the running server, or does it alone, and prints the answer.
fn put(
    config: &Config,
    request: Request,
    line: impl FnOnce(Reply) -> Option<String>,
) -> anyhow::Result<ExitCode> {
    let reply = quietly(config)?.block_on(async {
        let mut asked = admin::ask(config).await?;
        let reply = asked.put(request).await;
        asked.finish().await;
        reply
    })?;
    say(&line(reply).context("the server answered something else than expected")?)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints every account, a line each.
fn list(config: &Config) -> anyhow::Result<ExitCode> {
    quietly(config)?.block_on(async {
        let mut asked = admin::ask(config).await?;
        let mut after = None;
        loop {
            let reply = asked.put(Request::AccountList { after }).await;
            let Reply::Accounts { accounts, next } = reply? else {
                anyhow::bail!("the server answered something else than expected");
            };
            for account in accounts {
                let role = if account.admin { "  administrator" } else { "" };
                say(&format!("{}  {}{role}", account.address, account.state))?;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        asked.finish().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A runtime for one command, which logs only what goes wrong.
fn quietly(config: &Config) -> anyhow::Result<tokio::runtime::Runtime> {
    start_log(&Config {
        log: "warn".into(),
        ..config.clone()
    })?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log)
        .with_context(|| format!("log: \"{}\" is not a filter", config.log))?;
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// Prints to standard output; a closed one is an error, as for any program in a pipe.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to standard output")
}

fn people(number: u32) -> String {
    if number == 1 {
        "one person".into()
    } else {
        format!("{number} people")
    }
}

/// Which web pages may open the WebSocket.
fn websocket_origins(config: &Config) -> Origins {
    if config.is_localhost_only() && !settings::is_public(config) {
        Origins::Loopback
    } else if config.websocket_origins.iter().any(|origin| origin == "*") {
        Origins::Any
    } else {
        Origins::Only(config.websocket_origins.clone())
    }
}
