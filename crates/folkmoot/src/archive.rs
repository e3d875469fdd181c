//! Backup and restore: one tar file with the database, the certificates and the configuration.
//!
//! The server may run during a backup; a restore wants an empty folder. What an archive holds is
//! taken by name from a short list, so that nothing in it can be written elsewhere.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::admin::{Reply, Request, ask};
use crate::certificates;
use crate::config::{Config, render};
use crate::files;

/// What an archive is called inside.
const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "folkmoot.toml";
/// What files are called that the configuration names outside the data folder: `configured.pem`, `configured-2.pem`…
const OWN: &str = "configured";
/// The archive's layout.
const FORMAT: u32 = 1;
/// Nothing in an archive but the database is larger.
const SMALL: u64 = 1 << 20;
/// Where copies of the database lie for a moment, below the data folder.
pub const SNAPSHOTS: &str = "snapshots";

/// An archive's first file.
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    program: String,
    database: u32,
    /// Of the database's file, so that damage is seen that no structure shows. The first archives had none.
    #[serde(default)]
    sha256: Option<String>,
}

/// Writes an archive. What was acknowledged before the call is in it.
pub async fn backup(config: &Config, path: &Path) -> anyhow::Result<String> {
    if path.exists() {
        bail!(
            "{} exists already: choose another name, or remove it first",
            path.display()
        );
    }
    if !config.data.join(store::DATABASE_FILE).is_file() {
        bail!(
            "there is no database in {}: nothing to back up (--data names the folder)",
            config.data.display()
        );
    }
    let mut asked = ask(config).await?;
    let reply = asked.put(Request::Snapshot).await;
    asked.finish().await;
    let Reply::Snapshot { file } = reply? else {
        bail!("the server answered something else than expected")
    };
    let snapshot = Removed(config.data.join(file));
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = Removed(PathBuf::from(partial));
    write_archive(config, &snapshot.0, &partial.0)
        .with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&partial.0, path).with_context(|| format!("cannot write {}", path.display()))?;
    let contents = store::backup::check(&snapshot.0)?;
    Ok(format!(
        "{}: {} accounts, {} posts and items; it holds private keys, keep it safe",
        path.display(),
        contents.accounts,
        contents.items
    ))
}

/// A file that is removed when it is no longer wanted.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // It was moved, or never made.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn write_archive(config: &Config, snapshot: &Path, to: &Path) -> anyhow::Result<()> {
    let mut archive = tar::Builder::new(files::create_private(to)?);
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").into(),
        database: store::DATABASE_VERSION,
        sha256: Some(copy_summed(&mut File::open(snapshot)?, &mut std::io::sink())?),
    };
    append(&mut archive, MANIFEST, &serde_json::to_vec(&manifest)?)?;
    append(&mut archive, CONFIG, render(config)?.as_bytes())?;
    let folder = config.data.join(certificates::FOLDER);
    if folder.is_dir() {
        let mut names: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
        names.sort_by_key(std::fs::DirEntry::file_name);
        for entry in names {
            if entry.file_type()?.is_file()
                && let Some(name) = entry.file_name().to_str()
            {
                append(
                    &mut archive,
                    &format!("{}/{name}", certificates::FOLDER),
                    &std::fs::read(entry.path())?,
                )?;
            }
        }
    }
    for (index, pair) in config.tls.certificate.iter().zip(&config.tls.key).enumerate() {
        let number = if index == 0 {
            String::new()
        } else {
            format!("-{}", index + 1)
        };
        for (path, kind) in [(pair.0, "pem"), (pair.1, "key")] {
            let name = format!("{OWN}{number}.{kind}");
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            append(&mut archive, &format!("{}/{name}", certificates::FOLDER), &bytes)?;
        }
    }
    let mut database = File::open(snapshot)?;
    let mut header = header(database.metadata()?.len());
    archive.append_data(&mut header, store::DATABASE_FILE, &mut database)?;
    let mut file = archive.into_inner()?;
    file.flush()?;
    file.sync_all()?;
    Ok(())
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    header.set_mtime(now.as_secs());
    header
}

/// Copies all, and gives the SHA-256 of it in hexadecimal digits.
fn copy_summed(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<String> {
    let mut sum = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            return Ok(format!("{:x}", sum.finalize()));
        }
        sum.update(&piece[..length]);
        to.write_all(&piece[..length])?;
    }
}

fn append(archive: &mut tar::Builder<File>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    archive.append_data(&mut header(bytes.len() as u64), name, bytes)
}

/// Lays a data folder anew from an archive; on an error the folder is left empty.
pub fn restore(data: &Path, path: &Path) -> anyhow::Result<String> {
    if std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!(
            "{} is not empty: restore into a new folder with --data, or move this one away",
            data.display()
        );
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    files::make_private_folder(data)?;
    let restored = unpack(data, file);
    if restored.is_err() {
        empty(data);
    }
    restored.with_context(|| format!("{} cannot be restored", path.display()))
}

fn unpack(data: &Path, file: File) -> anyhow::Result<String> {
    let mut archive = tar::Archive::new(file);
    let unpacked = Removed(data.join("restored.db"));
    let mut manifest: Option<Manifest> = None;
    let mut has_database = false;
    for entry in archive
        .entries()
        .context("it is not an archive of this program")?
    {
        let mut entry = entry.context("it is not an archive of this program, or damaged")?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let Some(manifest) = &manifest else {
            if name != MANIFEST {
                bail!("it is not an archive of this program");
            }
            let read: Manifest =
                serde_json::from_slice(&small(&mut entry)?).context("its manifest is damaged")?;
            if read.format > FORMAT || read.database > store::DATABASE_VERSION {
                bail!(
                    "it was made by a newer Folkmoot ({}): restore it with that one",
                    read.program
                );
            }
            manifest = Some(read);
            continue;
        };
        match name.as_str() {
            CONFIG => files::write_private(&data.join(CONFIG), &small(&mut entry)?)?,
            store::DATABASE_FILE => {
                let mut out = files::create_private(&unpacked.0)?;
                let sum = copy_summed(&mut entry, &mut out)?;
                if manifest.sha256.as_ref().is_some_and(|noted| *noted != sum) {
                    bail!("the database in it is damaged: its checksum is not the one that was noted");
                }
                out.sync_all()?;
                has_database = true;
            }
            other => {
                let Some(name) = other.strip_prefix("certificates/").filter(|name| is_plain(name)) else {
                    bail!("it holds \"{other}\", which does not belong there");
                };
                let folder = data.join(certificates::FOLDER);
                files::make_private_folder(&folder)?;
                files::write_private(&folder.join(name), &small(&mut entry)?)?;
            }
        }
    }
    if !has_database {
        bail!("it holds no database: it is cut off or damaged");
    }
    let contents = store::backup::restore(&unpacked.0, data)?;
    Ok(format!(
        "restored {} accounts, {} posts and items into {}; the configuration of then is {}: start with --config, or compare it with yours",
        contents.accounts,
        contents.items,
        data.display(),
        data.join(CONFIG).display(),
    ))
}

/// A file's name without any path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

fn small(entry: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(SMALL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL {
        bail!("a file in it is larger than it can be");
    }
    Ok(bytes)
}

/// Removes what a failed restore wrote into a folder that was empty before.
fn empty(data: &Path) {
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        let path = entry.path();
        // The error that is told is the one that led here.
        let _ = if path.is_dir() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
    }
}
