//! Reads a password: a line of standard input, or typed without being shown.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Nobody types more.
const LONGEST: u64 = 4_096;

/// Reads the first line of standard input.
pub fn from_stdin() -> anyhow::Result<String> {
    first_line(std::io::stdin().lock())
}

/// Asks twice at the terminal.
pub fn ask() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("no terminal to ask for the password: give it on standard input with --password-stdin");
    }
    let first = ask_once("Password: ")?;
    if first != ask_once("The same again: ")? {
        bail!("the two were not the same");
    }
    Ok(first)
}

fn ask_once(prompt: &str) -> anyhow::Result<String> {
    let mut out = std::io::stderr();
    let terminal = std::io::stdin();
    let shown = tcgetattr(&terminal).context("cannot read the terminal's settings")?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).context("cannot hide what is typed")?;
    // Hidden first, asked then: whatever is typed after the prompt counts and is not shown.
    let line = write!(out, "{prompt}")
        .and_then(|()| out.flush())
        .context("cannot ask for the password")
        .and_then(|()| first_line(terminal.lock()));
    // Whatever was read, the terminal must show again what is typed.
    tcsetattr(&terminal, OptionalActions::Flush, &shown).context("cannot show again what is typed")?;
    writeln!(out)?;
    line
}

fn first_line(input: impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input
        .take(LONGEST)
        .read_line(&mut line)
        .context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        assert_eq!(
            first_line("open sesame \r\nmore".as_bytes()).unwrap(),
            "open sesame "
        );
        assert_eq!(first_line("x".as_bytes()).unwrap(), "x");
        first_line("\nx".as_bytes()).unwrap_err();
        first_line("".as_bytes()).unwrap_err();
    }
}
