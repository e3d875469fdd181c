//! How many HTTP connections there are, in all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts connections; a place is given back when its [`Place`] is dropped.
#[derive(Clone)]
pub struct Connections {
    all: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most_per_address: usize,
}

/// One connection's place.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    address: Option<IpAddr>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Connections {
    /// Room for `all`, of which one address may take `most_per_address` (0: as many as it likes).
    pub fn new(all: usize, most_per_address: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))),
            by_address: Arc::default(),
            most_per_address,
        }
    }

    /// Waits until there is room for one more.
    pub async fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// Takes the place for an address, unless it has too many already; without one it only counts among all.
    pub fn take(&self, permit: OwnedSemaphorePermit, address: Option<IpAddr>) -> Option<Place> {
        let address = address.map(http_site::bucket);
        if let Some(address) = address {
            let mut by_address = self.by_address.lock();
            let count = by_address.entry(address).or_insert(0);
            if self.most_per_address > 0 && *count >= self.most_per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place {
            _permit: permit,
            address,
            by_address: self.by_address.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = &self.address else { return };
        let mut by_address = self.by_address.lock();
        if let Some(count) = by_address.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn one_address_leaves_room_for_others() {
        let connections = Connections::new(3, 2);
        let (one, two) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
        let first = connections.take(connections.room().await.unwrap(), one).unwrap();
        let _second = connections.take(connections.room().await.unwrap(), one).unwrap();
        assert!(connections.take(connections.room().await.unwrap(), one).is_none());
        let _other = connections.take(connections.room().await.unwrap(), two).unwrap();
        drop(first);
        let again = connections.take(connections.room().await.unwrap(), one);
        assert!(again.is_some());
        assert_eq!(connections.by_address.lock().len(), 2);
    }
}
