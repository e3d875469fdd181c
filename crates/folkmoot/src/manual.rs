//! What the program's own command line yields for packages: manual pages and completions for shells.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// Writes a page for the program and one for each of its commands, for section 1 of the manual.
pub fn write_pages(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .with_context(|| format!("cannot write manual pages into {}", folder.display()))
}

/// What a shell is to read, to know the commands and options.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "folkmoot", &mut script);
    script
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scratch::Folder;

    #[test]
    fn every_command_has_a_page_and_is_completed() {
        let scratch = Folder::new("manual");
        write_pages(&scratch.path().join("man")).unwrap();
        let script = String::from_utf8(completions(Shell::Bash)).unwrap();
        for command in Cli::command().get_subcommands().filter(|one| !one.is_hide_set()) {
            let name = command.get_name();
            let page = scratch.path().join(format!("man/folkmoot-{name}.1"));
            assert!(std::fs::read_to_string(&page).unwrap().contains(name));
            assert!(script.contains(name));
        }
    }
}
