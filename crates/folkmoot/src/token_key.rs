//! The key that clients' tokens are made with (XEP-0484), in a file beside the database and in no backup: whoever has the
//! database alone, or an archive of it, signs nobody in.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::files;

/// Its name in the data folder.
const FILE: &str = "token.key";

/// Reads the key, or makes it where there is none: after a restore, clients then sign in with their passwords once.
pub fn open(folder: &Path) -> anyhow::Result<[u8; 32]> {
    let path = folder.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => bytes.as_slice().try_into().with_context(|| {
            format!(
                "{} is damaged: remove it, and clients sign in with their passwords again",
                path.display()
            )
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom::fill(&mut key)
                .map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
            files::write_private(&path, &key)?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_read_by_nobody_else() {
        let folder = std::env::temp_dir().join(format!("folkmoot-token-key-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = open(&folder).unwrap();
        assert_ne!(key, [0; 32]);
        assert_eq!(open(&folder).unwrap(), key);
        let path = folder.join(FILE);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::write(&path, b"short").unwrap();
        assert!(format!("{:#}", open(&folder).unwrap_err()).contains("is damaged"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
