//! Files that only the server's own user may read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};

/// Makes a folder (and those above it) that only its owner may enter; one that exists stays as it is.
pub fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| {
            format!(
                "cannot make the folder {}: choose another with --data, or change its rights",
                path.display()
            )
        })
}

/// What root writes into a folder of somebody else, that user's server could not open afterwards.
pub fn refuse_as_root(folder: &Path) -> anyhow::Result<()> {
    let owner = std::fs::metadata(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .uid();
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let name = name_of(&users, owner).unwrap_or_else(|| format!("'#{owner}'"));
    bail!(
        "{} belongs to another user: run this as that one, with sudo -u {name}",
        folder.display()
    )
}

/// The name of a user in the lines of `passwd(5)`.
fn name_of(users: &str, number: u32) -> Option<String> {
    let number = number.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}

/// Writes a file whole or not at all, readable by its owner only.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = Path::new(&name);
    let written = || -> std::io::Result<()> {
        let mut file = create_private(fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(fresh, path)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

/// Opens a file for writing, empty, readable by its owner only.
pub fn create_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nfolkmoot:x:114:121:Folkmoot,,,:/var/lib/folkmoot:/usr/sbin/nologin\n";
        assert_eq!(name_of(users, 114).unwrap(), "folkmoot");
        assert_eq!(name_of(users, 121), None);
    }
}
